// Collects what a copy of a tree lacks, and the error that ends it.
#pragma once

#include <cerrno>

#include "tree.h"
#include "treewalk.h"

namespace uchroot {

// If a function returns true, the copy continues. Names are relative to the current directory of the walk.
class Losses {
 protected:
  // Takes over the source's root.
  Losses(int source, TreeReport& report) : source_(source), report_(report) {}

  bool skip(const char* name, const char* reason, int error = 0) {
    report_.skippedCount++;
    if (report_.skipped.size() < kKept) report_.skipped.push_back({source_.pathOf(name), reason, error});
    return true;
  }

  // An entry of the source is missing or has changed since it was listed. A user who can write there can cause this at any time,
  // so the copy continues.
  bool lost(const char* name, const char* call) {
    switch (errno) {
      case ENOENT:
      case ESTALE:
        return skip(name, "vanished");
      case EXDEV:
        return skip(name, "mount");
      case EAGAIN:  // a lease (fcntl(2)): its holder could delay each file by 45 seconds
        return skip(name, "busy");
      case EACCES:  // an ordinary user makes the copy
        return skip(name, "denied", EACCES);
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

  // A directory that changes during the walk can list the same name twice.
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
