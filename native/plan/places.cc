// Steps that make directories, nodes and links, and the files and directories on which something is mounted: openat2(2).

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/statfs.h>

namespace uchroot {
namespace {

constexpr long kPlainFile = S_IFREG | 0644;
constexpr long kDirectoryMode = 0755;

// The mode does not depend on the umask: the program's, or that of the caller. chmod(2) could set it too, but by then a program of the same
// user may have put a link at the path. umask(2) does not fail, but a seccomp filter can refuse it.
template <typename Call>
long withoutUmask(Call call) {
  const long mask = sys(__NR_umask, 0);
  if (mask < 0) return mask;
  const long result = call();
  const long restored = sys(__NR_umask, mask);
  return result < 0 || restored >= 0 ? result : restored;
}

// A regular file if the mode says so, else a directory.
long make(long directory, const char* name, long mode) {
  return withoutUmask([&] {
    return (mode & S_IFMT) == S_IFREG ? sys(__NR_mknodat, directory, address(name), mode, 0)
                                      : sys(__NR_mkdirat, directory, address(name), mode);
  });
}

// How a path is made.
struct Making {
  long base;         // it lies in this directory, and absolute links lead into that
  uint64_t resolve;  // RESOLVE_ flags
  bool isRootless;
};

constexpr long kLink = 1;

// In a launch by root, a link of anybody else is not followed: the entry would be made with root's rights where he wants it. Without root
// the program has the same rights as this process. kLink: it is a link to be followed.
long judgeLink(const Making& making, long directory, const char* name) {
  struct statx seen;
  const long result =
      sys(__NR_statx, directory, address(name), AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_UID, address(&seen));
  if (result < 0) return result;
  if ((seen.stx_mode & S_IFMT) != S_IFLNK) return 0;
  return making.isRootless || seen.stx_uid == 0 ? kLink : -ELOOP;
}

// Opens a directory on the way, and makes it if it is missing. `path` ends with it, and leads to it from the base.
long enter(const Making& making, long above, const char* path, const char* name) {
  long result = judgeLink(making, above, name);
  if (result == -ENOENT) result = make(above, name, kDirectoryMode);
  if (result < 0) return result;
  // Opens the directory that was judged: a program that shares the directory may put a link there at any moment.
  const bool isByPath = result == kLink || (name[0] == '.' && name[1] == '.' && name[2] == 0);
  const uint64_t resolve = isByPath ? RESOLVE_IN_ROOT : RESOLVE_NO_SYMLINKS;
  open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, resolve | making.resolve};
  const long from = isByPath ? making.base : above;
  do {
    result = sys(__NR_openat2, from, address(isByPath ? path : name), address(&how), sizeof how);
  } while (result == -EAGAIN);  // something was renamed while `..` was resolved (openat2(2))
  return result;
}

// Makes the end of a path of the base, and the directories above it that are missing. The path is cut at each slash for a moment.
long makeWay(const Making& making, char* path, long mode) {
  long here = making.base, result = 0;
  for (char* name = path; result >= 0;) {
    while (*name == '/') name++;
    char* end = name;
    while (*end != 0 && *end != '/') end++;
    char* next = end;
    while (*next == '/') next++;
    const char cut = *end;
    *end = 0;
    const bool isLast = *next == 0;
    result = isLast ? make(here, name, mode) : enter(making, here, path, name);
    if (isLast && result == -EEXIST && (mode & S_IFMT) != S_IFREG) result = isDirectory(here, name);
    *end = cut;
    if (here != making.base) (void)sys(__NR_close, here);
    if (isLast) break;
    here = result;
    name = next;
  }
  return result;
}

}  // namespace

// A link is no directory, even if it leads to one.
long isDirectory(long directory, const char* name) {
  const long fd = sys(__NR_openat, directory, address(name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  (void)sys(__NR_close, fd);
  return 0;
}

// Only in a file system that the launch has made itself, and that vanishes with it or is the program's own: the uppermost mount there must
// be a tmpfs or an overlay. The way does not leave it.
long makeMountPoint(long tree, char* target, uint32_t ownBytes, bool isWithoutLinks, bool isRootless) {
  struct statx root, seen;
  long result = sys(__NR_statx, tree, address(""), AT_EMPTY_PATH, STATX_TYPE, address(&root));
  if (result < 0) return result;
  const char cut = target[ownBytes];
  target[ownBytes] = 0;
  const char* own = ownBytes == 0 ? "/" : target;
  open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, isWithoutLinks ? RESOLVE_NO_SYMLINKS : 0ull};
  const long base = sys(__NR_openat2, AT_FDCWD, address(own), address(&how), sizeof how);
  target[ownBytes] = cut;
  if (base < 0) return base;
  struct statfs system;
  system.f_type = 0;
  result = sys(__NR_statx, base, address(""), AT_EMPTY_PATH, STATX_TYPE, address(&seen));
  if (result >= 0) result = sys(__NR_fstatfs, base, address(&system));
  const bool isOwn = system.f_type == TMPFS_MAGIC || system.f_type == OVERLAYFS_SUPER_MAGIC;
  if (result >= 0 && (!isOwn || (seen.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)) result = -ENOENT;
  if (result >= 0) {
    const Making making = {base, RESOLVE_NO_XDEV | how.resolve, isRootless};
    const bool isOfDirectory = (root.stx_mode & S_IFMT) == S_IFDIR;
    result = makeWay(making, target + ownBytes, isOfDirectory ? kDirectoryMode : kPlainFile);
  }
  (void)sys(__NR_close, base);
  return result == -EXDEV ? -ENOENT : result;  // the way leads out of it
}

// An existing directory is left as it is, and what is missing above it is made. A link is not followed.
long makeDirectory(PlanStep* step, const PlanContext& context) {
  char* path = reinterpret_cast<char*>(dataOf(step));
  const long from = sys(__NR_openat, AT_FDCWD, address(*path == '/' ? "/" : "."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (from < 0) return from;
  const long result = makeWay({from, 0, context.isRootless}, path, static_cast<long>(step->a));
  (void)sys(__NR_close, from);
  return result;
}

long makeNode(PlanStep* step) {
  const char* path = reinterpret_cast<const char*>(dataOf(step));
  const long mode = static_cast<long>(step->a), device = static_cast<long>(step->b);
  return withoutUmask([&] { return sys(__NR_mknodat, AT_FDCWD, address(path), mode, device); });
}

long makeLink(PlanStep* step) {
  const char* target = reinterpret_cast<const char*>(dataOf(step));
  const char* path = target;
  while (*path != 0) path++;
  return sys(__NR_symlinkat, address(target), AT_FDCWD, address(path + 1));
}

}  // namespace uchroot
