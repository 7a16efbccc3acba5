// The overlay of an ephemeral jail: Documentation/filesystems/overlayfs.rst.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/statfs.h>

namespace uchroot {
namespace {

// Mounts a tmpfs over the old root directory, as the working directory. Once the overlay lies on it, the program cannot reach it.
long enterScratch(const char* options) {
  const long scratch = newMount("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (scratch < 0) return scratch;
  long result = attach(scratch, "/");
  if (result >= 0) result = sys(__NR_fchdir, scratch);
  (void)sys(__NR_close, scratch);
  return result;
}

constexpr long kLook = STATX_MODE | STATX_UID | STATX_GID | STATX_INO;

// Gives an entry the owner of another one. In a user namespace the owner may have no id (user_namespaces(7)). Then the entry stays the
// caller's.
long own(long directory, const char* name, const struct statx& seen, bool isRootless) {
  const long result = sys(__NR_fchownat, directory, address(name), seen.stx_uid, seen.stx_gid, 0);
  return isRootless && result == -EINVAL ? 0 : result;
}

// Whether an owner may have no id in this user namespace: it is seen as this one, which can be another's id as well.
bool isForeign(const struct statx& seen) {
  constexpr uint32_t kOverflowId = 65534;  // proc_sys_kernel(5), overflowuid
  return seen.stx_uid == kOverflowId || seen.stx_gid == kOverflowId;
}

// A directory of an overlay takes owner and mode from the upper directory.
long makeLike(const struct statx& seen, long directory, const char* name, bool isRootless) {
  long result = sys(__NR_mkdirat, directory, address(name), 0700);
  if (result == -EEXIST) return isDirectory(directory, name);  // of an earlier launch
  if (result >= 0) result = own(directory, name, seen, isRootless);
  return result < 0 ? result : sys(__NR_fchmodat, directory, address(name), seen.stx_mode & 07777);
}

// A directory of the jail, and the one of the upper layer that lies over it.
struct Layer {
  Layer* above;  // nullptr: the root directory
  const char* name;
  long lower;
  long upper;  // -1: not made yet
};

long openDirectory(long directory, const char* name) {
  return sys(__NR_openat, directory, address(name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

// No path here has more than kDeepest components, so each recursion ends soon.
// NOLINTBEGIN(misc-no-recursion)

// Makes the upper directory, and those above it. An earlier program may have put something else there, which stays.
long raise(Layer& layer) {
  if (layer.upper >= 0) return 0;
  long result = raise(*layer.above);
  struct statx seen;
  if (result >= 0) result = sys(__NR_statx, layer.lower, address(""), AT_EMPTY_PATH, kLook, address(&seen));
  if (result >= 0) result = makeLike(seen, layer.above->upper, layer.name, true);
  if (result >= 0) result = layer.upper = openDirectory(layer.above->upper, layer.name);
  return result < 0 ? result : 0;
}

// As far as the mode says it, on a file system that is mounted read-only.
bool mayWrite(long directory) {
  constexpr long kWrite = 2;  // access(2): W_OK
  const long allowed = sys(__NR_faccessat2, directory, address(""), kWrite, AT_EMPTY_PATH | AT_EACCESS);
  if (allowed != -EROFS) return allowed >= 0;
  struct statx seen;
  const long result = sys(__NR_statx, directory, address(""), AT_EMPTY_PATH, kLook, address(&seen));
  return result >= 0 && (seen.stx_mode & 0002) != 0;
}

// getdents64(2)
struct Listed {
  uint64_t inode;
  uint64_t next;
  uint16_t bytes;
  uint8_t type;
  char name[];
};
constexpr uint8_t kUnknownType = 0, kDirectoryType = 4;  // readdir(3)

bool isDots(const char* name) { return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0)); }

constexpr uint32_t kDeepest = 3;           // /var/lib/NAME
constexpr uint32_t kMostListed = 1 << 14;  // a jail of somebody else must not hold the launch

long raiseWritable(Layer& here, uint32_t depth, uint32_t* left);

long raiseChild(Layer& here, const char* name, uint32_t depth, uint32_t* left) {
  Layer child = {&here, name, openDirectory(here.lower, name), -1};
  if (child.lower < 0) return 0;  // no directory, or the caller may not enter the one above
  long result = mayWrite(child.lower) ? raise(child) : 0;
  if (result == -ENOTDIR) result = 0;
  if (result >= 0 && depth < kDeepest) result = raiseWritable(child, depth + 1, left);
  if (child.upper >= 0) (void)sys(__NR_close, child.upper);
  (void)sys(__NR_close, child.lower);
  return result;
}

// When something is written to a directory of the jail, the kernel copies the directory to the upper layer with its owner, and cannot if the
// owner has no id in this user namespace (EOVERFLOW; ovl_copy_up_one() in fs/overlayfs/copy_up.c). So the directories of others in which
// the caller may write, such as /tmp, get an upper directory of his beforehand.
long raiseWritable(Layer& here, uint32_t depth, uint32_t* left) {
  const long list = sys(__NR_openat, here.lower, address("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (list < 0) return list == -EACCES ? 0 : list;
  alignas(Listed) uint8_t entries[2048];
  long result = 0, bytes = 0;
  while (result >= 0 && (bytes = sys(__NR_getdents64, list, address(entries), sizeof entries)) > 0) {
    for (long at = 0; result >= 0 && at < bytes;) {
      const Listed* entry = reinterpret_cast<const Listed*>(entries + at);
      at += entry->bytes;
      if ((entry->type != kDirectoryType && entry->type != kUnknownType) || isDots(entry->name)) continue;
      if (*left == 0) break;
      --*left;
      result = raiseChild(here, entry->name, depth, left);
    }
    if (*left == 0) break;
  }
  (void)sys(__NR_close, list);
  return result < 0 ? result : bytes < 0 ? bytes : 0;
}

// NOLINTEND(misc-no-recursion)

char* putNumber(char* end, uint64_t value) {
  uint64_t unit = 1;
  while (value / unit >= 10) unit *= 10;
  *end++ = '-';
  for (; unit > 0; unit /= 10) *end++ = static_cast<char>('0' + value / unit % 10);
  return end;
}

constexpr uint32_t kSourceBytes = 64;

// The source of an overlay in /proc/PID/mountinfo: uchroot-MAJOR-MINOR-INODE of the jail. Nothing else leads from a process
// on an overlay to its jail: lib/jail/host/tree-users.ts.
void nameSource(const struct statx& jail, char* text) {
  const char name[] = {'u', 'c', 'h', 'r', 'o', 'o', 't'};
  for (const char letter : name) *text++ = letter;
  text = putNumber(text, jail.stx_dev_major);
  text = putNumber(text, jail.stx_dev_minor);
  *putNumber(text, jail.stx_ino) = 0;
}

constexpr uint64_t kNoStore = ~0ull;

// Two overlays that write to one directory at once would mix their files (Documentation/filesystems/overlayfs.rst, "Sharing and
// copying layers"). The lock ends with the last process that has the descriptor (flock(2)).
long lockDirectory(const char* path) {
  const long fd = sys(__NR_openat, AT_FDCWD, address(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  const long locked = sys(__NR_flock, fd, 2 | 4 /* LOCK_EX | LOCK_NB */);
  if (locked >= 0) return fd;
  (void)sys(__NR_close, fd);  // nothing was written
  return locked == -EAGAIN ? -EBUSY : locked;
}

// The rights that a mount of the host takes away. An overlay on it is another mount, and would give them back.
long forbiddenBy(long directory, uint64_t* forbidden) {
  struct statfs seen;
  seen.f_flags = 0;
  const long result = sys(__NR_fstatfs, directory, address(&seen));
  // the same numbers as of mount(2), and as of statvfs(3)
  constexpr uint64_t kForbid = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  *forbidden = static_cast<uint64_t>(seen.f_flags) & kForbid;
  return result;
}

// Written data goes to the directory `store`, or to a tmpfs that vanishes with the namespace.
// Without the privilege for trusted.* attributes, an overlay keeps its own in user.* (overlayfs.rst, "userxattr").
long mountOverlay(long lower, long store, long flags, const char* options, bool isRootless, int* lockFd) {
  long result = enterScratch(options);
  struct statx jail;
  if (result >= 0) result = sys(__NR_statx, lower, address(""), AT_EMPTY_PATH, kLook, address(&jail));
  if (result >= 0) result = sys(__NR_mkdirat, AT_FDCWD, address("lower"), 0700);
  if (result >= 0) result = sys(__NR_mkdirat, AT_FDCWD, address("store"), 0700);
  if (result >= 0) result = attach(lower, "lower");
  if (result >= 0 && store >= 0) result = attach(store, "store");
  if (result >= 0 && store >= 0) result = *lockFd = static_cast<int>(lockDirectory("store"));
  if (result >= 0) result = makeLike(jail, AT_FDCWD, "store/upper", isRootless);
  if (result >= 0 && isRootless && isForeign(jail)) {
    Layer root = {nullptr, "", lower, openDirectory(AT_FDCWD, "store/upper")};
    uint32_t left = kMostListed;
    result = root.upper < 0 ? root.upper : raiseWritable(root, 1, &left);
    if (root.upper >= 0) (void)sys(__NR_close, root.upper);
  }
  if (result >= 0) result = sys(__NR_mkdirat, AT_FDCWD, address("store/work"), 0700);
  if (result == -EEXIST) result = isDirectory(AT_FDCWD, "store/work");
  if (result >= 0) {
    char source[kSourceBytes];
    nameSource(jail, source);
    result = sys(__NR_mount, address(source), address("/"), address("overlay"), flags,
                 address(isRootless ? "lowerdir=lower,upperdir=store/upper,workdir=store/work,userxattr"
                                    : "lowerdir=lower,upperdir=store/upper,workdir=store/work"));
  }
  // the uppermost mount of "/" (path_resolution(7)): ".." is looked for on it
  return result < 0 ? result : sys(__NR_openat, AT_FDCWD, address("/.."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

}  // namespace

// One lock for a launch.
long lockHere(PlanContext& context) {
  if (context.lockFd >= 0) return -EALREADY;
  const long fd = lockDirectory(".");
  context.lockFd = static_cast<int>(fd);
  return fd < 0 ? fd : 0;
}

// Makes an overlay over the tree of a slot. The slot has the overlay from then on.
long coverTree(PlanStep* step, PlanContext& context, uint32_t slot) {
  const long store = step->b == kNoStore ? -1 : context.trees[step->b];
  long result = forbiddenBy(context.jailFd, &context.forbidden);
  const long flags = static_cast<long>(step->a >> 32 | context.forbidden);
  if (result >= 0)
    result = mountOverlay(context.trees[slot], store, flags, reinterpret_cast<const char*>(dataOf(step)), context.isRootless, &context.lockFd);
  if (result < 0) return result;
  // They would lead beneath the overlay: see replaceJail().
  (void)sys(__NR_close, takeTree(context, slot));
  if (store >= 0) (void)sys(__NR_close, takeTree(context, step->b));
  context.trees[slot] = static_cast<int>(result);
  return 0;
}

}  // namespace uchroot
