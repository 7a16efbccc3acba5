// removeTree: removes all entries beneath a directory, and nothing else; see tree.h.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "descriptor.h"
#include "tree.h"
#include "treewalk.h"

namespace uchroot {
namespace {

// How often a directory is listed again if new files appear in it. A user who keeps making files must not block this process.
constexpr int kRepetitions = 1000;

class Remover {
 public:
  Remover(int parent, const std::string& name, int root, const std::string& last, TreeProgress& progress,
          TreeReport& report)
      : parent_(parent), name_(name), last_(last), progress_(progress), report_(report), trail_(root) {}

  void run() {
    levels_.emplace_back();
    if (!scan()) return;
    while (!levels_.empty()) {
      // The current directory was moved. Only a directory further up can be found again.
      const bool lost = trail_.here() < 0;
      const bool done = lost || levels_.back().empty() ? leave() : enter(levels_.back().take());
      if (!done) return;
    }
  }

 private:
  // Removes all entries of a directory but its subdirectories.
  bool scan() {
    for (;;) {
      const auto& entries = listing_.next(trail_.here());
      if (listing_.failed() && errno != ENOENT) return fail("getdents64");
      if (entries.empty()) return true;
      for (const Listing::Entry& entry : entries) {
        if (isLast(entry.name)) continue;
        if (!removeEntry(entry)) return false;
      }
    }
  }

  bool isLast(const char* name) const { return trail_.depth() == 0 && last_ == name; }

  bool removeEntry(const Listing::Entry& entry) {
    if (progress_.aborted) return failWith(ECANCELED, "unlinkat", entry.name);
    if (entry.type != DT_DIR) {
      if (unlinkat(trail_.here(), entry.name, 0) == 0) {
        progress_.files++;
        return true;
      }
      if (errno == ENOENT) return true;
      if (errno != EISDIR) return fail("unlinkat", entry.name);
    }
    levels_.back().add(entry.name);
    return true;
  }

  bool enter(const char* name) {
    if (progress_.aborted) return failWith(ECANCELED, "unlinkat", name);
    const int fd = openOwn(name);
    if (fd < 0) {
      if (errno == ENOENT) return true;
      // The entry has changed its type. A link is removed and not followed.
      if (errno == ENOTDIR || errno == ELOOP) return unlinkat(trail_.here(), name, 0) == 0 || again();
      return errno == EXDEV ? failWith(EBUSY, "openat2", name) : fail("openat2", name);
    }
    trail_.enter(fd, name);
    levels_.emplace_back();
    return scan();
  }

  // An ordinary user must be able to write to a directory of his to remove what is in it.
  int openOwn(const char* name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY;
    if (geteuid() == 0) return openEntry(trail_.here(), name, flags);
    const Descriptor path(openEntry(trail_.here(), name, O_PATH | O_DIRECTORY));
    if (path.get() < 0) return -1;
    // fails for a directory of another user, which may be empty
    (void)chmod(("/proc/self/fd/" + std::to_string(path.get())).c_str(), 0700);
    return openEntry(trail_.here(), name, flags);
  }

  bool leave() {
    if (levels_.size() == 1) return leaveRoot();
    const std::string name = trail_.name();
    levels_.pop_back();
    trail_.leave();
    if (trail_.here() < 0) return true;
    if (unlinkat(trail_.here(), name.c_str(), AT_REMOVEDIR) == 0) {
      progress_.directories++;
      return true;
    }
    if (errno == ENOENT) return true;
    if (errno != ENOTEMPTY && errno != ENOTDIR) return fail("unlinkat", name.c_str());
    return again();
  }

  bool leaveRoot() {
    if (!last_.empty()) {
      const std::string last = last_;
      last_.clear();
      if (!removeEntry({0, DT_UNKNOWN, last.c_str()})) return false;
      if (!levels_.back().empty()) return true;  // it is a directory
    }
    if (unlinkat(parent_, name_.c_str(), AT_REMOVEDIR) == 0) {
      progress_.directories++;
      levels_.clear();
      return true;
    }
    return errno == ENOTEMPTY ? again() : fail("unlinkat");
  }

  // Lists the directory once more.
  bool again() {
    if (++repetitions_ > kRepetitions) return failWith(ENOTEMPTY, "unlinkat", "");
    levels_.back().clear();
    if (lseek(trail_.here(), 0, SEEK_SET) < 0) return fail("lseek");
    return scan();
  }

  bool fail(const char* call, const char* name = "") { return failWith(errno, call, name); }
  bool failWith(int error, const char* call, const char* name) {
    report_.failure = {error, call, trail_.pathOf(name), false};
    return false;
  }

  int parent_;
  const std::string& name_;
  std::string last_;
  TreeProgress& progress_;
  TreeReport& report_;
  Trail trail_;
  Listing listing_;
  std::vector<Pending> levels_;
  int repetitions_ = 0;
};

}  // namespace

TreeReport removeTree(int parent, const std::string& name, const std::string& last, TreeProgress& progress) {
  TreeReport report;
  const int root = openEntry(parent, name.c_str(), O_RDONLY | O_DIRECTORY);
  if (root < 0) {
    report.failure = {errno, "openat2", "/", false};
  } else {
    Remover(parent, name, root, last, progress, report).run();
  }
  return report;
}

}  // namespace uchroot
