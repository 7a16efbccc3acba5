// walkTo; see way.h.

#include "way.h"

#include <cerrno>
#include <deque>
#include <utility>

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "descriptor.h"

namespace uchroot {
namespace {

constexpr int kMaxLinks = 40;  // the kernel's limit (path_resolution(7))
constexpr int kDirectory = O_PATH | O_DIRECTORY | O_CLOEXEC;
constexpr const char* kAccessList = "system.posix_acl_access";

// Reads an attribute of an O_PATH descriptor, which has none itself (open(2)): through /proc, or through another descriptor if
// /proc is not mounted.
ssize_t getAttribute(int fd, const char* name, std::string& value) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = getxattr(path.c_str(), name, value.data(), value.size());
  if (size >= 0 || errno != ENOENT) return size;
  const Descriptor opened(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.get() < 0 ? -1 : fgetxattr(opened.get(), name, value.data(), value.size());
}

// Identifies a directory. It differs for the same directory mounted elsewhere or in another mount namespace.
struct Identity {
  uint64_t mount, inode;
  uint32_t major, minor;
  bool operator==(const Identity&) const = default;
};

bool identify(int fd, Identity& identity) {
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &status) < 0) return false;
  identity = {status.stx_mnt_id, status.stx_ino, status.stx_dev_major, status.stx_dev_minor};
  return true;
}

// A link of /proc that the kernel does not resolve by its text, such as /proc/PID/root (proc(5), openat2(2)).
bool isMagic(int directory, int link, const std::string& name) {
  struct statfs system;
  if (fstatfs(link, &system) < 0 || system.f_type != PROC_SUPER_MAGIC) return false;
  open_how how = {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS};
  const Descriptor followed(static_cast<int>(syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how)));
  return followed.get() < 0 && errno == ELOOP;
}

class Walk {
 public:
  Walk(PathFacts& facts, bool endsInEntry) : facts_(facts), endsInEntry_(endsInEntry) {}

  int to(const std::string& path) {
    if (!enterRoot() || !inspect(here_.get(), "/", -1)) {
      fail("/");
      return -1;
    }
    const struct stat root = status_;
    pushParts(path);
    while (!parts_.empty()) {
      if (!step() || !arrivesWhereTheKernelDoes()) return -1;
    }
    // After a link to `/` or `.`, the last inspected object is the link and not the directory.
    if (S_ISLNK(status_.st_mode) && !inspect(here_.get(), pathOf(""), -1)) {
      fail(pathOf(""));
      return -1;
    }
    facts_.isHostRoot = status_.st_dev == root.st_dev && status_.st_ino == root.st_ino;
    return here_.release();
  }

 private:
  // A magic link must lead to `target` when only this many parts are left.
  struct Promise {
    size_t partsLeft;
    Identity target;
    std::string path;
  };

  bool fail(const std::string& path) {
    facts_.error = errno;
    facts_.place = path;
    return false;
  }

  bool enterRoot() {
    here_.reset(open("/", kDirectory));
    names_.clear();
    parent_ = 0;
    return here_.get() >= 0;
  }

  void pushParts(const std::string& path) {
    std::deque<std::string> split;
    for (size_t start = 0; start < path.size();) {
      const size_t slash = path.find('/', start);
      const size_t end = slash == std::string::npos ? path.size() : slash;
      if (end > start && path.compare(start, end - start, ".") != 0) split.push_back(path.substr(start, end - start));
      start = end + 1;
    }
    parts_.insert(parts_.begin(), split.begin(), split.end());
  }

  std::string pathOf(const std::string& name) const {
    std::string path;
    for (const std::string& above : names_) path += "/" + above;
    return name.empty() && !path.empty() ? path : path + "/" + name;
  }

  bool inspect(int fd, const std::string& path, int parent) {
    if (fstat(fd, &status_) < 0) return false;
    PathFacts::Component component{path, parent, status_.st_mode, status_.st_uid, status_.st_gid, "", ""};
    if (!readAcl(fd, status_.st_mode, component.acl)) return false;
    if (S_ISLNK(status_.st_mode)) {
      char target[PATH_MAX];
      const ssize_t size = readlinkat(fd, "", target, sizeof target);
      if (size < 0) return false;
      component.link.assign(target, static_cast<size_t>(size));
    }
    facts_.components.push_back(std::move(component));
    return true;
  }

  bool step() {
    const std::string part = parts_.front();
    parts_.pop_front();
    const bool isUp = part == "..";
    Descriptor next(openat(here_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) {
      fail(pathOf(part));
      if (endsInEntry_ && S_ISLNK(status_.st_mode)) (void)inspect(here_.get(), pathOf(""), -1);  // the walk has failed anyway
      return false;
    }
    if (isUp && !names_.empty()) names_.pop_back();
    const std::string path = pathOf(isUp ? "" : part);
    if (!inspect(next.get(), path, isUp ? -1 : parent_)) return fail(path);
    if (S_ISLNK(status_.st_mode)) return follow(next.get(), part, path);
    if (!S_ISDIR(status_.st_mode)) {
      if (endsInEntry_ && parts_.empty()) {
        here_.reset(next.release());
        return true;
      }
      errno = ENOTDIR;
      return fail(path);
    }
    if (!isUp) names_.push_back(part);
    parent_ = static_cast<int>(facts_.components.size()) - 1;
    here_.reset(next.release());
    return true;
  }

  bool follow(int link, const std::string& name, const std::string& path) {
    const std::string target = facts_.components.back().link;
    errno = ELOOP;
    if (++links_ > kMaxLinks) return fail(path);
    if (isMagic(here_.get(), link, name)) {
      const bool isEnd = endsInEntry_ && parts_.empty();
      const Descriptor followed(openat(here_.get(), name.c_str(), isEnd ? O_PATH | O_CLOEXEC : kDirectory));
      Identity identity;
      if (followed.get() < 0 || !identify(followed.get(), identity)) return fail(path);
      promises_.push_back({parts_.size(), identity, path});
    }
    pushParts(target);
    if (target.starts_with('/') && !enterRoot()) return fail("/");
    return true;
  }

  // A directory of another mount namespace has no path here, so it cannot be judged: the link's text leads elsewhere.
  bool arrivesWhereTheKernelDoes() {
    for (; !promises_.empty() && promises_.back().partsLeft == parts_.size(); promises_.pop_back()) {
      Identity now;
      if (identify(here_.get(), now) && now == promises_.back().target) continue;
      errno = EXDEV;
      return fail(promises_.back().path);
    }
    return true;
  }

  PathFacts& facts_;
  const bool endsInEntry_;
  Descriptor here_;
  struct stat status_ = {};  // status of the object that was inspected last
  std::deque<std::string> parts_;
  std::vector<std::string> names_;  // the names that make up the path of `here_`
  int parent_ = 0;                  // index of the parent among the components
  std::vector<Promise> promises_;
  int links_ = 0;
};

}  // namespace

bool readAcl(int fd, uint32_t mode, std::string& acl) {
  if (!canHaveAcl(mode)) return true;
  for (size_t room = 1024;; room = XATTR_SIZE_MAX) {
    acl.resize(room);
    const ssize_t size = getAttribute(fd, kAccessList, acl);
    acl.resize(size > 0 ? static_cast<size_t>(size) : 0);
    if (size >= 0 || errno == ENODATA || errno == EOPNOTSUPP) return true;
    if (errno != ERANGE || room == XATTR_SIZE_MAX) return (mode & S_IWGRP) == 0;
  }
}

int walkTo(PathFacts& facts, const std::string& path, bool endsInEntry) {
  return Walk(facts, endsInEntry).to(path);
}

}  // namespace uchroot
