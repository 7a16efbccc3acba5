// Copies a directory tree whose owner may be hostile, by descriptor; see tree.h.

#include "tree.h"

#include <cerrno>
#include <map>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "content.h"
#include "descriptor.h"
#include "mountid.h"

namespace uchroot {
namespace {

// Two descriptors each; deeper than this no honest tree is.
constexpr size_t maxDepth = 1000;
constexpr mode_t setIdBits = S_ISUID | S_ISGID;
constexpr size_t maxSkipped = 1000;
// A longer path no call takes (path_resolution(7)).
constexpr size_t maxPath = 4095;
const char* const mounted = "something is mounted there";
const char* const moved = "it was moved or exchanged while it was copied";

struct Inode {
  dev_t device;
  ino_t number;
  auto operator<=>(const Inode&) const = default;
};

// A directory on the way down: both ends of it, and what its copy becomes once it is full.
struct Level {
  DIR* source;
  Descriptor target;
  struct stat status;
  size_t pathSize;  // of the path of its parent

  Level(DIR* from, int to, const struct stat& is, size_t size)
      : source(from), target(to), status(is), pathSize(size) {}
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { closedir(source); }
};

// What is made in a directory with a default ACL inherits it, and the mode that it gets later would put that into force
// (acl(5)).
bool shedAcl(int directory) {
  for (const char* name : {"system.posix_acl_default", "system.posix_acl_access"}) {
    if (fremovexattr(directory, name) < 0 && errno != ENODATA && errno != EOPNOTSUPP) return false;
  }
  return true;
}

// What decides who may do what, and not only says something about the file.
bool isAccess(const std::string& name) {
  return name == "security.capability" || name.starts_with("system.posix_acl_");
}

class Copy {
 public:
  Copy(int target, const CopyOptions& options, TreeProgress& progress, Skipped& skipped)
      : root_(target), options_(options), progress_(progress), skipped_(skipped) {
    means_.aborted = &progress.aborted;
  }

  TreeFailure run(int source);

 private:
  bool enter(int source, int target, const struct stat& status, size_t pathSize);
  bool step();
  bool copyEntry(const char* name);
  bool copyDirectory(const char* name);
  bool copyFile(const char* name, const struct stat& seen);
  bool copyLink(const char* name, const struct stat& status);
  bool copyNode(const char* name, const struct stat& status);
  bool copyNodeAcl(const char* name);
  bool linkTo(const std::string& first, const char* name);
  bool setAttributes(int source, int target, const struct stat& status);
  bool copyXattrs(int source, int target, bool capabilities);
  bool leave();
  bool fail(const char* call);
  bool failUnlessTaken(const char* call);
  bool isGone();
  bool skip(const char* why);
  bool keeps() const { return options_.keepPrivileges.contains(path_); }

  int from() const { return dirfd(levels_.back()->source); }
  int to() const { return levels_.back()->target.get(); }

  int root_;
  Inode self_{};
  uint64_t mount_ = 0;
  const CopyOptions& options_;
  TreeProgress& progress_;
  Skipped& skipped_;
  CopyMeans means_;
  std::vector<std::unique_ptr<Level>> levels_;
  std::map<Inode, std::string> links_;  // the copy of what has several names
  std::string path_;
  TreeFailure failure_;
};

bool Copy::fail(const char* call) {
  failure_ = {errno, call, path_.empty() ? "/" : path_};
  return false;
}

// Nobody but us makes names in the copy: one that is there has been met under the same name before.
bool Copy::failUnlessTaken(const char* call) {
  return errno == EEXIST ? skip(moved) : fail(call);
}

// Whether a name does not stand for what it was any more.
bool Copy::isGone() {
  if (errno == ENOENT) return true;
  return (errno == ENOTDIR || errno == ELOOP) && skip(moved);
}

bool Copy::skip(const char* why) {
  skipped_.count++;
  if (skipped_.first.size() < maxSkipped) skipped_.first.push_back({path_.substr(0, maxPath), why});
  return true;
}

TreeFailure Copy::run(int source) {
  struct stat status = {};
  struct stat copy = {};
  if (fstat(source, &status) < 0 || fstat(root_, &copy) < 0 || !mountIdOf(source, mount_)) {
    fail("statx");
    return failure_;
  }
  self_ = {copy.st_dev, copy.st_ino};
  if (!shedAcl(root_)) {
    fail("fremovexattr");
    return failure_;
  }
  const int again = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int target = openat(root_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (again < 0 || target < 0) {
    fail("openat");
    if (again >= 0) close(again);
    if (target >= 0) close(target);
    return failure_;
  }
  if (!enter(again, target, status, 0)) return failure_;
  while (!levels_.empty()) {
    if (progress_.aborted) {
      errno = ECANCELED;
      fail("copy");
    } else if (step()) {
      continue;
    }
    return failure_;
  }
  return failure_;
}

// Takes both descriptors, whatever comes of it.
bool Copy::enter(int source, int target, const struct stat& status, size_t pathSize) {
  DIR* directory = fdopendir(source);
  if (directory == nullptr) {
    fail("fdopendir");
    close(source);
    close(target);
    return false;
  }
  levels_.push_back(std::make_unique<Level>(directory, target, status, pathSize));
  progress_.directories++;
  return true;
}

bool Copy::step() {
  errno = 0;
  const dirent* entry = readdir(levels_.back()->source);
  if (entry == nullptr) return errno != 0 ? fail("readdir") : leave();
  const std::string name = entry->d_name;
  if (name == "." || name == "..") return true;
  const size_t size = path_.size();
  path_ += "/" + name;
  const size_t depth = levels_.size();
  if (!copyEntry(name.c_str())) return false;
  if (levels_.size() == depth) path_.resize(size);  // otherwise the path is that of the directory it is in now
  return true;
}

bool Copy::copyEntry(const char* name) {
  struct stat status = {};
  if (fstatat(from(), name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno != ENOENT) return fail("fstatat");
    return true;  // it has vanished since
  }
  uint64_t mount = 0;
  if (!mountIdAt(from(), name, 0, mount)) return errno == ENOENT || fail("statx");
  if (S_ISDIR(status.st_mode)) return copyDirectory(name);
  if (mount != mount_) return skip(mounted);
  if (S_ISSOCK(status.st_mode)) return skip("a socket: whoever listens on it is not in the copy");
  const Inode inode = {status.st_dev, status.st_ino};
  if (status.st_nlink > 1) {
    const auto first = links_.find(inode);
    if (first != links_.end()) return linkTo(first->second, name);
  }
  const bool isCopied = S_ISREG(status.st_mode)   ? copyFile(name, status)
                        : S_ISLNK(status.st_mode) ? copyLink(name, status)
                                                  : copyNode(name, status);
  if (!isCopied || status.st_nlink < 2 || path_.size() > maxPath) return isCopied;
  if (faccessat(to(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) links_.emplace(inode, path_);
  return isCopied;
}

bool Copy::copyDirectory(const char* name) {
  const int source = openat(from(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (source < 0) return isGone() || fail("openat");
  Descriptor opened(source);
  struct stat status = {};
  uint64_t mount = 0;
  if (fstat(source, &status) < 0 || !mountIdOf(source, mount)) return fail("statx");
  // by another name than the one that was looked at, such as that of a bind mount
  if (Inode{status.st_dev, status.st_ino} == self_) {
    errno = EINVAL;
    return fail("mkdirat");
  }
  if (levels_.size() >= maxDepth) {
    errno = ENAMETOOLONG;
    return fail("openat");
  }
  if (mkdirat(to(), name, 0700) < 0) return failUnlessTaken("mkdirat");
  if (mount != mount_) return skip(mounted);
  const int target = openat(to(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (target < 0) return fail("openat");
  return enter(opened.release(), target, status, path_.size() - std::string(name).size() - 1);
}

bool Copy::copyFile(const char* name, const struct stat& seen) {
  // O_NONBLOCK: a fifo may have been put in its place, and would wait for a writer.
  const Descriptor source(
      openat(from(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // ENXIO: a socket
  if (source.get() < 0) return (errno == ENXIO && skip(moved)) || isGone() || fail("openat");
  struct stat status = {};
  uint64_t mount = 0;
  if (fstat(source.get(), &status) < 0 || !mountIdOf(source.get(), mount)) return fail("statx");
  if (!S_ISREG(status.st_mode) || status.st_dev != seen.st_dev || status.st_ino != seen.st_ino) return skip(moved);
  if (mount != mount_) return skip(mounted);
  const Descriptor target(
      openat(to(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (target.get() < 0) return failUnlessTaken("openat");
  // of an empty one there is nothing to copy, and no end to it if somebody writes into it meanwhile
  if (status.st_size > 0 && !copyContent(source.get(), target.get(), status, means_)) return fail("copy_file_range");
  progress_.files++;
  progress_.bytes += static_cast<uint64_t>(status.st_size);
  return setAttributes(source.get(), target.get(), status);
}

bool Copy::copyLink(const char* name, const struct stat& status) {
  char target[4097];
  const ssize_t size = readlinkat(from(), name, target, sizeof target);
  if (size < 0) return (errno == EINVAL && skip(moved)) || isGone() || fail("readlinkat");
  target[size < 4097 ? size : 4096] = '\0';
  if (symlinkat(target, to(), name) < 0) return failUnlessTaken("symlinkat");
  if (fchownat(to(), name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return fail("fchownat");
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return utimensat(to(), name, times, AT_SYMLINK_NOFOLLOW) == 0 || fail("utimensat");
}

// A fifo or a device.
bool Copy::copyNode(const char* name, const struct stat& status) {
  if (mknodat(to(), name, (status.st_mode & S_IFMT) | 0600, status.st_rdev) < 0) {
    return errno == EPERM ? skip("a device: mknod is not permitted here") : failUnlessTaken("mknodat");
  }
  if (fchownat(to(), name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) < 0) return fail("fchownat");
  if (fchmodat(to(), name, status.st_mode & 01777, 0) < 0) return fail("fchmodat");  // nobody else is in the copy
  if (!copyNodeAcl(name)) return false;
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return utimensat(to(), name, times, AT_SYMLINK_NOFOLLOW) == 0 || fail("utimensat");
}

// By name, since opening a device can do things, and the calls on descriptors take none that is O_PATH (open(2)).
bool Copy::copyNodeAcl(const char* name) {
  const char* const acl = "system.posix_acl_access";
  const auto pathIn = [name](int directory) { return "/proc/self/fd/" + std::to_string(directory) + "/" + name; };
  std::string value(65536, '\0');  // XATTR_SIZE_MAX (xattr(7))
  const ssize_t size = lgetxattr(pathIn(from()).c_str(), acl, value.data(), value.size());
  if (size < 0) return errno == ENODATA || errno == EOPNOTSUPP || errno == ENOENT || fail("lgetxattr");
  return lsetxattr(pathIn(to()).c_str(), acl, value.data(), static_cast<size_t>(size), 0) == 0 || fail("lsetxattr");
}

bool Copy::linkTo(const std::string& first, const char* name) {
  // in the copy, where nobody but us makes links
  return linkat(root_, first.c_str() + 1, to(), name, 0) == 0 || failUnlessTaken("linkat");
}

bool Copy::setAttributes(int source, int target, const struct stat& status) {
  const bool keep = keeps();
  const mode_t without = S_ISDIR(status.st_mode) || keep ? 0 : setIdBits;
  if (fchown(target, status.st_uid, status.st_gid) < 0) return fail("fchown");
  // after chown, which takes the set-user-ID bit away
  if (fchmod(target, status.st_mode & 07777 & ~without) < 0) return fail("fchmod");
  if (!copyXattrs(source, target, keep)) return false;
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return futimens(target, times) == 0 || fail("futimens");
}

bool Copy::copyXattrs(int source, int target, bool capabilities) {
  std::string names(256, '\0');
  ssize_t size = 0;
  while ((size = flistxattr(source, names.data(), names.size())) < 0 && errno == ERANGE) {
    names.resize(names.size() * 4);
  }
  if (size < 0) return errno == EOPNOTSUPP ? true : fail("flistxattr");
  std::string value(1024, '\0');
  for (const char* name = names.data(); name < names.data() + size; name += std::string(name).size() + 1) {
    if (std::string(name) == "security.capability" && !capabilities) continue;
    ssize_t length = 0;
    while ((length = fgetxattr(source, name, value.data(), value.size())) < 0 && errno == ERANGE) {
      value.resize(value.size() * 4);
    }
    if (length < 0 && errno == ENODATA) continue;  // it has vanished since
    if (length < 0) return fail("fgetxattr");
    if (fsetxattr(target, name, value.data(), static_cast<size_t>(length), 0) == 0) continue;
    // as cp(1) has it: a label that the other file system does not know is no reason to fail; without its ACL a file would
    // be open to its whole group
    if (isAccess(name) || (errno != EOPNOTSUPP && errno != EPERM)) return fail("fsetxattr");
  }
  return true;
}

// A directory is full: only now can it get the time and the mode that it is to have.
bool Copy::leave() {
  const Level& level = *levels_.back();
  const bool isSet = setAttributes(dirfd(level.source), level.target.get(), level.status);
  path_.resize(level.pathSize);
  levels_.pop_back();
  return isSet;
}

}  // namespace

TreeFailure copyTree(int source, int target, const CopyOptions& options, TreeProgress& progress,
                     Skipped& skipped) {
  return Copy(target, options, progress, skipped).run(source);
}

}  // namespace uchroot
