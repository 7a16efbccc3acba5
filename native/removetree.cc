// Removes a directory tree whose owner may be hostile, by descriptor; see tree.h.

#include "tree.h"

#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "mountid.h"

namespace uchroot {
namespace {

// Deeper directories are brought to the top, so that no tree is too deep.
constexpr size_t maxDepth = 100;

struct Level {
  DIR* directory;
  std::string name;
  bool isLess = false;  // something of it has gone since it was read from its beginning
};

class Removal {
 public:
  Removal(int top, const std::string& last, TreeProgress& progress)
      : top_(top), last_(last), progress_(progress) {}

  TreeFailure run();

 private:
  bool empty();
  bool enter(int parent, const char* name, bool& isGone);
  bool bringUp(int parent, const char* name);
  bool removeEntry(const char* name);
  bool count(std::atomic<uint64_t>& removed);
  bool leave();
  bool fail(const char* call, const std::string& name = "");

  int current() const { return dirfd(levels_.back().directory); }
  bool isKept(const std::string& name) const { return levels_.size() == 1 && name == last_; }

  int top_;
  const std::string& last_;
  uint64_t mount_ = 0;
  TreeProgress& progress_;
  std::vector<Level> levels_;
  uint64_t moved_ = 0;
  bool again_ = false;  // something was brought to the top
  TreeFailure failure_;
};

bool Removal::fail(const char* call, const std::string& name) {
  failure_.error = errno;
  failure_.call = call;
  for (const Level& level : levels_) {
    if (!level.name.empty()) failure_.path += "/" + level.name;
  }
  if (!name.empty()) failure_.path += "/" + name;
  return false;
}

TreeFailure Removal::run() {
  if (!mountIdOf(top_, mount_)) {
    fail("statx");
    return failure_;
  }
  do {
    again_ = false;
    if (!empty()) break;
  } while (again_);
  while (!levels_.empty()) {
    closedir(levels_.back().directory);
    levels_.pop_back();
  }
  return failure_;
}

bool Removal::empty() {
  bool isGone = false;
  if (!enter(top_, ".", isGone)) return false;
  levels_.back().name = "";
  while (!levels_.empty()) {
    if (progress_.aborted) {
      errno = ECANCELED;
      return fail("unlinkat");
    }
    errno = 0;
    const dirent* entry = readdir(levels_.back().directory);
    if (entry == nullptr && errno != 0) return fail("readdir");
    if (entry == nullptr) {
      if (!leave()) return false;
      continue;
    }
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && !isKept(name) && !removeEntry(name.c_str())) return false;
  }
  return true;
}

bool Removal::count(std::atomic<uint64_t>& removed) {
  removed++;
  levels_.back().isLess = true;
  return true;
}

bool Removal::removeEntry(const char* name) {
  if (unlinkat(current(), name, 0) == 0) return count(progress_.files);
  if (errno == ENOENT) return true;
  if (errno != EISDIR) return fail("unlinkat", name);
  if (unlinkat(current(), name, AT_REMOVEDIR) == 0) return count(progress_.directories);
  if (errno == ENOENT || errno == ENOTDIR) return true;
  if (errno != ENOTEMPTY && errno != EEXIST) return fail("unlinkat", name);
  if (levels_.size() > maxDepth) return bringUp(current(), name);
  bool isGone = false;
  return enter(current(), name, isGone) || isGone;
}

bool Removal::enter(int parent, const char* name, bool& isGone) {
  Descriptor fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.get() < 0) {
    // something else has been put in its place: it comes again when the directory is read from its beginning
    isGone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return isGone ? false : fail("openat", name);
  }
  uint64_t mount = 0;
  if (!mountIdOf(fd.get(), mount)) return fail("statx", name);
  if (mount != mount_) {
    errno = EXDEV;
    return fail("openat", name);
  }
  DIR* directory = fdopendir(fd.get());
  if (directory == nullptr) return fail("fdopendir", name);
  fd.release();
  levels_.push_back({directory, name});
  return true;
}

bool Removal::bringUp(int parent, const char* name) {
  for (;;) {
    const std::string place = ".uchroot-" + std::to_string(moved_++);
    if (renameat2(parent, name, top_, place.c_str(), RENAME_NOREPLACE) == 0) {
      again_ = true;
      levels_.back().isLess = true;
      return true;
    }
    if (errno == ENOENT) return true;
    if (errno != EEXIST) return fail("renameat2", name);
  }
}

// readdir(3) may have passed over what was put there meanwhile: a directory that is not empty yet is read again, if it has
// become less. If not, another one has been put in its place: that is the parent's to find.
bool Removal::leave() {
  const std::string name = levels_.back().name;
  DIR* directory = levels_.back().directory;
  if (levels_.size() == 1) {
    levels_.pop_back();
    closedir(directory);
    return true;
  }
  const int parent = dirfd(levels_[levels_.size() - 2].directory);
  const bool isRemoved = unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0;
  const bool isNotEmpty = !isRemoved && (errno == ENOTEMPTY || errno == EEXIST);
  if (isNotEmpty && levels_.back().isLess) {
    levels_.back().isLess = false;
    rewinddir(directory);
    return true;
  }
  if (!isRemoved && !isNotEmpty && errno != ENOENT && errno != ENOTDIR) return fail("unlinkat");
  levels_.pop_back();
  closedir(directory);
  return !isRemoved || count(progress_.directories);
}

}  // namespace

TreeFailure emptyTree(int directory, const std::string& last, TreeProgress& progress) {
  return Removal(directory, last, progress).run();
}

}  // namespace uchroot
