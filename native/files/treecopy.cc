// copyTree: copies a tree that may be hostile into a directory that only this process can reach; see tree.h.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "attributes.h"
#include "content.h"
#include "descriptor.h"
#include "hardlinks.h"
#include "losses.h"
#include "tree.h"
#include "treewalk.h"

namespace uchroot {
namespace {

constexpr mode_t kPrivilegeBits = S_ISUID | S_ISGID;

class Copier : private Losses {
 public:
  Copier(int source, int target, const PathSet& privileged, TreeProgress& progress, TreeReport& report)
      : Losses(source, report),
        target_(target),
        privileged_(privileged),
        progress_(progress),
        content_(progress),
        links_(target) {}

  void run() {
    if (!begin()) return;
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (source_.here() < 0 && !level.pending.empty()) {
        skip("", "changed");
        level.pending.clear();
      }
      const bool done = level.pending.empty() ? leave() : enter(level.pending.take());
      if (!done) return;
    }
  }

 private:
  // A directory that is being copied.
  struct Level {
    struct stat status;
    Pending pending;
  };

  bool begin() {
    struct stat status = {};
    if (fstat(source_.here(), &status) < 0) return fail("fstat", "");
    if (fstat(target_.here(), &targetRoot_) < 0) return failTarget("fstat", "");
    // New files get this process's owner and group, even if the directory above has the set-group-ID bit.
    if (fchown(target_.here(), uid_, gid_) < 0) return failTarget("fchown", "");
    if (fchmod(target_.here(), 0700) < 0) return failTarget("fchmod", "");
    removeInheritedAcls(target_.here());
    levels_.push_back({status, {}});
    return scan();
  }

  // Copies all entries of a directory but its subdirectories.
  bool scan() {
    for (;;) {
      const auto& entries = listing_.next(source_.here());
      if (listing_.failed()) return lost("", "getdents64");
      if (entries.empty()) return true;
      for (const Listing::Entry& entry : entries) {
        if (!copyEntry(entry.name)) return false;
      }
    }
  }

  bool copyEntry(const char* name) {
    if (progress_.aborted) return failWith(ECANCELED, "copy", name, false);
    struct stat status;
    // Checked before opening, because opening a device can have effects.
    if (fstatat(source_.here(), name, &status, AT_SYMLINK_NOFOLLOW) < 0) return lost(name, "fstatat");
    if (S_ISDIR(status.st_mode)) {
      levels_.back().pending.add(name);
      return true;
    }
    if (S_ISSOCK(status.st_mode)) return skip(name, "socket");
    if (status.st_nlink > 1) {
      switch (links_.link(status, target_.here(), name)) {
        case HardLinks::Outcome::kLinked:
          return raise(name, status) && count(status);
        case HardLinks::Outcome::kFailed:
          return errno == EEXIST ? skip(name, "changed") : failTarget("linkat", name);
        case HardLinks::Outcome::kUnknown:
          break;
      }
    }
    return S_ISREG(status.st_mode) ? copyFile(name) : copyNode(name);
  }

  bool copyFile(const char* name) {
    const Descriptor from(openToRead(name));
    if (from.get() < 0) return lost(name, "openat2");
    struct stat status = {};
    if (fstat(from.get(), &status) < 0) return lost(name, "fstat");
    if (!S_ISREG(status.st_mode)) return skip(name, "changed");
    const Descriptor to(
        openat(target_.here(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (to.get() < 0) return notMade("openat", name);
    if (!content_.copy(from.get(), to.get(), status)) {
      return failWith(errno, content_.call(), name, content_.inTarget());
    }
    if (!finish(name, {from.get(), ""}, to.get(), status)) return false;
    return remember(name, status) && count(status);
  }

  // Reading must not change the template: its access times stay.
  int openToRead(const char* name, int flags = 0) {
    const int fd = openEntry(source_.here(), name, O_RDONLY | O_NOATIME | flags);
    // EPERM: in a user namespace that does not map the owner.
    return fd < 0 && errno == EPERM ? openEntry(source_.here(), name, O_RDONLY | flags) : fd;
  }

  // Copies a symbolic link, device or fifo. An O_PATH descriptor reads its status without opening it.
  bool copyNode(const char* name) {
    const Descriptor from(openEntry(source_.here(), name, O_PATH));
    if (from.get() < 0) return lost(name, "openat2");
    struct stat status = {};
    if (fstat(from.get(), &status) < 0) return lost(name, "fstat");
    if (S_ISLNK(status.st_mode)) {
      char text[4097];  // longer than any link's target (symlink(7)), with the NUL
      const ssize_t size = readlinkat(from.get(), "", text, sizeof text - 1);
      if (size < 0) return lost(name, "readlinkat");
      text[size] = '\0';
      if (symlinkat(text, target_.here(), name) < 0) return notMade("symlinkat", name);
    } else if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISSOCK(status.st_mode)) {
      return skip(name, "changed");
    } else if (mknodat(target_.here(), name, (status.st_mode & S_IFMT) | 0600, status.st_rdev) < 0) {
      // EPERM: a container without CAP_MKNOD, or with a device filter.
      if (errno == EPERM && !S_ISFIFO(status.st_mode)) return skip(name, "device", EPERM);
      return notMade("mknodat", name);
    }
    if (!finishNode(name, from.get(), status)) return false;
    return remember(name, status) && count(status);
  }

  bool enter(const char* name) {
    if (progress_.aborted) return failWith(ECANCELED, "copy", name, false);
    Descriptor from(openToRead(name, O_DIRECTORY));
    if (from.get() < 0) return errno == EXDEV ? mountPoint(name) : lost(name, "openat2");
    struct stat status = {};
    if (fstat(from.get(), &status) < 0) return fail("fstat", name);
    if (isSame(status, targetRoot_)) return failWith(ELOOP, "openat2", name, false);  // the target is inside the source
    if (mkdirat(target_.here(), name, 0700) < 0) return notMade("mkdirat", name);
    const int to = openEntry(target_.here(), name, O_RDONLY | O_DIRECTORY);
    if (to < 0) return failTarget("openat2", name);
    source_.enter(from.release(), name);
    target_.enter(to, name);
    levels_.push_back({status, {}});
    return scan();
  }

  bool leave() {
    const struct stat status = levels_.back().status;
    // The root is finished last. The private directory of the hard links must be gone by then.
    if (levels_.size() == 1 && !links_.finish()) return failTarget("unlinkat", "");
    if (!finish("", {source_.here(), ""}, target_.here(), status)) return false;
    levels_.pop_back();
    if (levels_.empty()) return true;
    progress_.directories++;
    source_.leave();
    target_.leave();
    errno = ESTALE;
    return target_.here() >= 0 || failTarget("openat2", "");
  }

  // A mount inside the template is not copied, only its mount point.
  bool mountPoint(const char* name) {
    if (mkdirat(target_.here(), name, 0700) < 0) return notMade("mkdirat", name);
    const Descriptor to(openEntry(target_.here(), name, O_RDONLY | O_DIRECTORY));
    if (to.get() < 0) return failTarget("openat2", name);
    if (fchown(to.get(), uid_, gid_) < 0) return failTarget("fchown", name);
    if (fchmod(to.get(), 0755) < 0) return failTarget("fchmod", name);
    progress_.directories++;
    return skip(name, "mount");
  }

  // Sets owner, attributes, mode and times of a file, or of the directory itself if there is no name. The order matters: chown
  // clears privileges (chown(2)), an access control list changes the mode (acl(5)), and both change the status change time.
  bool finish(const char* name, const Attributed& from, int to, const struct stat& status) {
    mode_t kept = 07777;
    if ((status.st_uid != uid_ || status.st_gid != gid_) && fchown(to, status.st_uid, status.st_gid) < 0) {
      if (!keepOwn(name, kept)) return failTarget("fchown", name);
    }
    const mode_t mode = copyAttributes(name, from, {to, ""}, status) & kept;
    if (fchmod(to, mode) < 0) return failTarget("fchmod", name);
    const timespec times[2] = {status.st_atim, status.st_mtim};
    return futimens(to, times) == 0 || failTarget("futimens", name);
  }

  bool finishNode(const char* name, int from, const struct stat& status) {
    const int to = target_.here();
    mode_t kept = 07777;
    if ((status.st_uid != uid_ || status.st_gid != gid_) &&
        fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
      if (!keepOwn(name, kept)) return failTarget("fchownat", name);
    }
    const std::string proc = "/proc/self/fd/";
    const Attributed target = {-1, proc + std::to_string(to) + "/" + name};
    const mode_t mode = copyAttributes(name, {-1, proc + std::to_string(from)}, target, status) & kept;
    if (!S_ISLNK(status.st_mode) && fchmodat(to, name, mode, AT_SYMLINK_NOFOLLOW) < 0) {
      return failTarget("fchmodat", name);
    }
    const timespec times[2] = {status.st_atim, status.st_mtim};
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) == 0 || failTarget("utimensat", name);
  }

  // After a refused chown: an ordinary user can give nothing away. The copy is his, without privileges and for his group no more than
  // for others: it is another group. False if that is no reason.
  bool keepOwn(const char* name, mode_t& kept) {
    if (errno != EPERM || uid_ == 0) return false;
    kept = 0755;
    return skip(name, "owner");
  }

  // Copies the attributes and returns the mode of the copy.
  mode_t copyAttributes(const char* name, const Attributed& from, const Attributed& to,
                        const struct stat& status) {
    mode_t mode = status.st_mode & 07777;
    if (from.fd < 0 && from.path.empty()) return mode & ~kPrivilegeBits;  // a directory that was moved away
    const bool privileged = isPrivileged(name);
    const AttributeCopier::Outcome outcome = attributes_.copy(from, to, privileged);
    if (outcome.error != 0) (void)skip(name, "attribute", outcome.error);
    // The group bits were the list's mask (acl(5)). Without the list they would give the group more rights.
    if (outcome.lostAcl) mode &= ~S_IRWXG;
    if (privileged) return mode;
    if ((mode & kPrivilegeBits) != 0 || outcome.hasCapabilities) (void)skip(name, "privileges");
    return mode & ~kPrivilegeBits;
  }

  // Gives a copied file its privileges when a privileged name follows a name that was not privileged.
  bool raise(const char* name, const struct stat& status) {
    if (!S_ISREG(status.st_mode) || !isPrivileged(name)) return true;
    const Descriptor from(openToRead(name));
    if (from.get() < 0) return lost(name, "openat2");
    struct stat opened = {};
    if (fstat(from.get(), &opened) < 0 || !isSame(opened, status)) return skip(name, "changed");
    const Descriptor to(openEntry(target_.here(), name, O_RDONLY));
    if (to.get() < 0) return failTarget("openat2", name);
    return finish(name, {from.get(), ""}, to.get(), opened);
  }

  bool isPrivileged(const char* name) const {
    return !privileged_.empty() && privileged_.contains(source_.pathOf(name));
  }

  bool remember(const char* name, const struct stat& status) {
    return status.st_nlink < 2 || links_.remember(status, target_.here(), name) || failTarget("linkat", name);
  }

  bool count(const struct stat& status) {
    std::atomic<uint64_t>& kind = S_ISREG(status.st_mode)   ? progress_.files
                                  : S_ISLNK(status.st_mode) ? progress_.links
                                                            : progress_.nodes;
    kind++;
    return true;
  }

  Trail target_;
  const PathSet& privileged_;
  TreeProgress& progress_;
  ContentCopier content_;
  AttributeCopier attributes_;
  HardLinks links_;
  Listing listing_;
  std::vector<Level> levels_;
  struct stat targetRoot_ = {};
  const uid_t uid_ = geteuid();
  const gid_t gid_ = getegid();
};

}  // namespace

TreeReport copyTree(int source, int target, const PathSet& privileged, TreeProgress& progress) {
  TreeReport report;
  // Duplicates that can be read, even if the caller's descriptor is O_PATH.
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  Descriptor from(openat(source, ".", flags));
  if (from.get() < 0) {
    report.failure = {errno, "openat", "/", false};
    return report;
  }
  Descriptor to(openat(target, ".", flags));
  if (to.get() < 0) {
    report.failure = {errno, "openat", "/", true};
    return report;
  }
  Copier(from.release(), to.release(), privileged, progress, report).run();
  return report;
}

}  // namespace uchroot
