// What a copy of a tree lacks, and what ends it.
#pragma once

#include <cerrno>

#include "tree.h"
#include "treewalk.h"

namespace uchroot {

// True from any of these: the copy goes on. An entry is named as it is in the directory that the walk is in.
class Losses {
 protected:
  // Owns the root of the source.
  Losses(int source, TreeReport& report) : source_(source), report_(report) {}

  bool skip(const char* name, const char* reason, int error = 0) {
    report_.skippedCount++;
    if (report_.skipped.size() < kKept) report_.skipped.push_back({source_.pathOf(name), reason, error});
    return true;
  }

  // An entry of the source that can no longer be had as it was listed. Whoever may write there can do that at any time:
  // no reason to give up.
  bool lost(const char* name, const char* call) {
    switch (errno) {
      case ENOENT:
      case ESTALE:
        return skip(name, "vanished");
      case EXDEV:
        return skip(name, "mount");
      case EAGAIN:  // a lease (fcntl(2)), which its holder can keep for 45 seconds, file by file
        return skip(name, "busy");
      case ELOOP:
      case ENOTDIR:
      case EISDIR:
      case ENXIO:
      case ENODEV:
        return skip(name, "changed");
      default:
        return failWith(errno, call, name, false);
    }
  }

  // A directory that changes while it is read can be listed with the same name twice.
  bool notMade(const char* call, const char* name) {
    return errno == EEXIST ? skip(name, "changed") : failTarget(call, name);
  }

  bool fail(const char* call, const char* name) { return failWith(errno, call, name, false); }
  bool failTarget(const char* call, const char* name) { return failWith(errno, call, name, true); }
  bool failWith(int error, const char* call, const char* name, bool inTarget) {
    report_.failure = {error, call, source_.pathOf(name), inTarget};
    return false;
  }

  Trail source_;

 private:
  static constexpr size_t kKept = 1000;

  TreeReport& report_;
};

}  // namespace uchroot
