// Steps that give the program a view of its own of the file system: mount_namespaces(7), open_tree(2), move_mount(2),
// mount_setattr(2), pivot_root(2).

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/statfs.h>

namespace uchroot {
namespace {

constexpr long kDetach = 2;          // umount2(2): MNT_DETACH
constexpr long kRecursive = 0x8000;  // AT_RECURSIVE
constexpr uint64_t kPrivate = 1 << 18;  // mount(2): MS_PRIVATE

// Whether the mount has these attributes. It is needed because a seccomp filter can give the answer in place of mount_setattr(2).
long verifyAttributes(long tree, uint64_t set) {
  // the same numbers as of statvfs(3)
  constexpr uint64_t kRead = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  struct statfs seen;
  seen.f_flags = 0;
  const long result = sys(__NR_fstatfs, tree, address(&seen));
  if (result < 0) return result;
  return (set & kRead & ~static_cast<uint64_t>(seen.f_flags)) == 0 ? 0 : -EBADE;
}

// A detached copy of the mounts beneath a path. It is private: otherwise later mounts on it would appear on the host.
long cloneTree(long directory, const char* path, uint64_t set, uint64_t clear) {
  const long flags = AT_EMPTY_PATH | kRecursive;
  const long tree = sys(__NR_open_tree, directory, address(path), flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return tree;
  mount_attr attributes = {set, clear, kPrivate, 0};
  long changed = sys(__NR_mount_setattr, tree, address(""), flags, address(&attributes), sizeof attributes);
  if (changed >= 0) changed = verifyAttributes(tree, set);
  if (changed >= 0) return tree;
  (void)sys(__NR_close, tree);
  return changed;
}

// No link is followed.
long attachWithoutLinks(long tree, const char* target) {
  open_how how = {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS};
  const long fd = sys(__NR_openat2, AT_FDCWD, address(target), address(&how), sizeof how);
  if (fd < 0) return fd;
  const long result =
      sys(__NR_move_mount, tree, address(""), fd, address(""), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  (void)sys(__NR_close, fd);
  return result;
}

// The string behind this one.
template <typename Character>
Character* behind(Character* string) {
  while (*string != 0) string++;
  return string + 1;
}

char* stringsOf(PlanStep* step) { return reinterpret_cast<char*>(dataOf(step)); }

// The mount that a path leads to. `/..` leads to what is mounted on the root directory, if anything is (follow_dotdot() in fs/namei.c).
long mountOf(const char* path, uint64_t* mount, long directory = AT_FDCWD) {
  struct statx seen;
  seen.stx_mask = 0;
  const long result = sys(__NR_statx, directory, address(path), AT_EMPTY_PATH, STATX_MNT_ID, address(&seen));
  if (result < 0) return result;
  *mount = seen.stx_mnt_id;
  return (seen.stx_mask & STATX_MNT_ID) == 0 ? -EBADE : 0;
}

// Detaches everything that is mounted on the root directory: the old root directory, and the mounts on that. The program could reach them
// by `..`. The root directory is the working directory too.
long uncoverRoot() {
  uint64_t root, top, last = 0;
  long result = mountOf("/", &root);
  for (;;) {
    if (result >= 0) result = sys(__NR_umount2, address("."), kDetach);
    if (result >= 0) result = mountOf("/..", &top);
    if (result < 0 || top == root) return result;
    if (top == last) return -EBADE;
    last = top;
  }
}

// If chroot(2) has confined the caller, this goes back to the root directory of the namespace. pivot_root replaces only the mount that
// holds the root directory of this process. The host would stay above it, and the program could get there by chroot and `..`.
long leaveChroot() {
  uint64_t own, top;
  long result = mountOf("/..", &own);
  if (result < 0) return result;
  const long root = sys(__NR_openat, AT_FDCWD, address("/"), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (root < 0) return root;
  result = enterOwnMounts();
  if (result >= 0) result = mountOf("/", &top);
  // Not confined. If other mounts lie on the root directory, they must go too.
  if (result >= 0 && top == own) {
    result = sys(__NR_fchdir, root);
    if (result >= 0) result = sys(__NR_chroot, address("."));
  }
  (void)sys(__NR_close, root);
  return result;
}

// Makes the directory `fd`, on the uppermost mount of "/", the root directory, and detaches everything else. The old root lies on top
// of the new one for a moment (pivot_root(2), "pivot_root(".", ".")").
//
// A seed has nothing to detach: its own root directory is empty, and stays beneath. That is the state in which an initramfs leaves a
// system. The kernel takes the uppermost mount of "/" for the root directory of the namespace (setns(2); current_chrooted() in
// fs/namespace.c). Pivot_root looks at each process of the host, and umount2 waits for all CPUs: a tenth of a launch.
long becomeRoot(long fd, bool isSeeded) {
  long result = sys(__NR_fchdir, fd);
  if (result >= 0 && isSeeded) return sys(__NR_chroot, address("."));
  if (result >= 0) result = sys(__NR_pivot_root, address("."), address("."));
  if (result >= 0) result = uncoverRoot();
  return result < 0 ? result : sys(__NR_chdir, address("/"));
}

// A tree of the jail, as it is mounted on the host. Links lead only into the jail, or are refused.
long cloneInJail(long jailFd, const char* path, uint64_t set, bool isWithoutLinks) {
  open_how how = {O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | (isWithoutLinks ? RESOLVE_NO_SYMLINKS : 0ull)};
  long fd;
  do {
    fd = sys(__NR_openat2, jailFd, address(path), address(&how), sizeof how);
  } while (fd == -EAGAIN);  // something was renamed while `..` was resolved (openat2(2))
  if (fd < 0) return fd;
  const long tree = cloneTree(fd, "", set, 0);
  (void)sys(__NR_close, fd);
  return tree;
}

// A tree of the host, by a path without links. O_DIRECTORY mounts what autofs(5) has there, as open_tree(2) does by itself.
long cloneWithoutLinks(const char* path, uint64_t set) {
  open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS};
  long fd = sys(__NR_openat2, AT_FDCWD, address(path), address(&how), sizeof how);
  if (fd == -ENOTDIR) {
    how.flags = O_PATH | O_CLOEXEC;
    fd = sys(__NR_openat2, AT_FDCWD, address(path), address(&how), sizeof how);
  }
  if (fd < 0) return fd;
  const long tree = cloneTree(fd, "", set, 0);
  (void)sys(__NR_close, fd);
  return tree;
}

// Without the capability fsopen(2) fails. It is not even tried, since the filter of a unit (systemd.exec(5), SystemCallFilter=) may end
// the process for it.
bool mayMount() {
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {{0, 0, 0}, {0, 0, 0}}};
  const long got = sys(__NR_capget, address(&sets.header), address(sets.data));
  return got >= 0 && (sets.data[0].effective >> CAP_SYS_ADMIN & 1) != 0;
}

}  // namespace

// Links in the target are followed. When the jail is the root directory, they lead only into the jail.
long attach(long tree, const char* target) {
  constexpr long kFlags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
  return sys(__NR_move_mount, tree, address(""), AT_FDCWD, address(target), kFlags);
}

// Other threads of a service could use its number once it is closed.
long takeTree(PlanContext& context, uint64_t slot) {
  const long tree = context.trees[slot];
  context.trees[slot] = -1;
  return tree;
}

long newMount(const char* type, const char* options, long attributes) {
  const long made = sys(__NR_fsopen, address(type), FSOPEN_CLOEXEC);
  if (made < 0) return made;
  long result = 0;
  while (result >= 0 && *options != 0) {
    const char* value = behind(options);
    // an option without a value
    result = *value == 0 ? sys(__NR_fsconfig, made, FSCONFIG_SET_FLAG, address(options), 0, 0)
                         : sys(__NR_fsconfig, made, FSCONFIG_SET_STRING, address(options), address(value), 0);
    options = behind(value);
  }
  if (result >= 0) result = sys(__NR_fsconfig, made, FSCONFIG_CMD_CREATE, 0, 0, 0);
  if (result >= 0) result = sys(__NR_fsmount, made, FSMOUNT_CLOEXEC, attributes);
  (void)sys(__NR_close, made);
  return result;
}

// The mode is set apart, because the umask takes bits away. /proc/self/fd shows the path as it is on the host. nodev would make
// opening fail; on a read-only mount, devices can still be written.
long makeNullTree() {
  constexpr long kNullDevice = 1 << 8 | 3;
  if (!mayMount()) return -EPERM;
  const long tree = newMount("tmpfs", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (tree < 0) return tree;
  long result = sys(__NR_mkdirat, tree, address("dev"), 0755);
  if (result >= 0) result = sys(__NR_mknodat, tree, address(kNullInTree), S_IFCHR, kNullDevice);
  if (result >= 0) result = sys(__NR_fchmodat, tree, address(kNullInTree), kNullMode);
  mount_attr attributes = {MOUNT_ATTR_RDONLY, 0, 0, 0};
  if (result >= 0) result = sys(__NR_mount_setattr, tree, address(""), AT_EMPTY_PATH, address(&attributes), sizeof attributes);
  if (result >= 0) return tree;
  (void)sys(__NR_close, tree);
  return result;
}

long openTree(PlanStep* step, PlanContext& context) {
  const uint64_t set = static_cast<uint32_t>(step->b);
  const bool isWithoutLinks = (step->b & TREE_NO_LINKS) != 0;
  const long tree = step->dataBytes == 0            ? cloneTree(context.jailFd, "", set, 0)
                    : (step->b & TREE_IN_JAIL) != 0 ? cloneInJail(context.jailFd, stringsOf(step), set, isWithoutLinks)
                    : isWithoutLinks                ? cloneWithoutLinks(stringsOf(step), set)
                                                    : cloneTree(AT_FDCWD, stringsOf(step), set, 0);
  context.trees[step->a] = tree < 0 ? -1 : static_cast<int>(tree);
  return tree >= 0 || (tree == -ENOENT && (step->b & TREE_IF_THERE) != 0) ? 0 : tree;
}

// The tree is mounted nowhere yet, as the kernel demands.
long mapTree(const PlanStep* step, const PlanContext& context) {
  mount_attr attributes = {MOUNT_ATTR_IDMAP, 0, 0, step->b};
  return sys(__NR_mount_setattr, context.trees[step->a], address(""), AT_EMPTY_PATH, address(&attributes), sizeof attributes);
}

// From here on the tree, or the overlay over it, is the jail for the steps that follow.
long pivotRoot(PlanStep* step, PlanContext& context) {
  const uint32_t slot = static_cast<uint32_t>(step->a);
  // The kernel makes no user namespace for a confined caller (user_namespaces(7), EPERM).
  long result = context.isSeeded || context.isRootless ? 0 : leaveChroot();
  // No mount or unmount of this namespace may reach the host.
  if (result >= 0) result = sys(__NR_mount, 0, address("/"), 0, 0x4000 /* MS_REC */ | kPrivate, 0);
  if (result >= 0) result = step->dataBytes > 0 ? coverTree(step, context, slot) : attach(context.trees[slot], "/");
  if (result >= 0) result = becomeRoot(context.trees[slot], context.isSeeded);
  return result < 0 ? result : replaceJail(context, takeTree(context, slot));
}

// The descriptor of the jail in the mounts of the host would lead out of the new root directory: a path of the jail can lead through
// /proc/self/fd/N until execve closes it (CVE-2024-21626). The number stays, because other code knows it.
long replaceJail(PlanContext& context, long root) {
  const long result = sys(__NR_dup3, root, context.jailFd, O_CLOEXEC);
  (void)sys(__NR_close, root);
  return result < 0 ? result : 0;
}

namespace {

// Mounts a detached tree, and closes its descriptor. If later steps fill it, it becomes the working directory for them: root in another
// jail of the same directory could rename its mount point at any moment.
long place(long tree, char* target, uint64_t flags, bool isRootless) {
  const bool isWithoutLinks = (flags & MOVE_NO_LINKS) != 0;
  const auto put = [&] { return isWithoutLinks ? attachWithoutLinks(tree, target) : attach(tree, target); };
  uint64_t placed = 0, seen = 0;
  long result = mountOf("", &placed, tree);
  if (result >= 0) result = put();
  if (result == -ENOENT && (flags & MOVE_MAKES) != 0) {
    result = makeMountPoint(tree, target, static_cast<uint32_t>(flags >> 32), isWithoutLinks, isRootless);
    if (result >= 0) result = put();
  }
  // a tmpfs that hides something must be there
  if (result >= 0) result = mountOf(target, &seen);
  if (result >= 0 && seen != placed) result = -EBADE;
  if (result >= 0 && (flags & MOVE_ENTERS) != 0) result = sys(__NR_fchdir, tree);
  (void)sys(__NR_close, tree);
  return result;
}

}  // namespace

long moveTree(PlanStep* step, PlanContext& context) {
  const long tree = takeTree(context, step->a);
  if (tree < 0 && (step->b & MOVE_IF_THERE) != 0) return 0;
  return place(tree, stringsOf(step), step->b, context.isRootless);
}

long mountType(PlanStep* step, const PlanContext& context) {
  const char* type = stringsOf(step);
  char* target = behind(stringsOf(step));
  const long tree = newMount(type, behind(target), static_cast<long>(step->a));
  if (tree < 0) return tree;
  const long placed = place(tree, target, step->b, context.isRootless);
  return placed == -EINVAL ? -ENOTDIR : placed;  // the root of the tree is a directory
}

long bindPath(PlanStep* step, bool mustExist, const PlanContext& context) {
  const char* source = stringsOf(step);
  const char* target = behind(source);
  // A copy that finds no place is expensive: close(2) of it waits for all CPUs (dissolve_on_fput() in fs/namespace.c).
  uint64_t seen;
  const long there = mustExist ? 0 : mountOf(target, &seen);
  if (there < 0) return there == -ENOENT ? 0 : there;
  const long tree = cloneTree(AT_FDCWD, source, step->a, step->b & ~context.forbidden);
  long result = tree;
  if (tree >= 0) {
    result = attach(tree, target);
    (void)sys(__NR_close, tree);
  }
  return result == -ENOENT && !mustExist ? 0 : result;
}

long newFileSystem() {
  return newMount("tmpfs", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

// Before Linux 6.15, a tree can be copied only from a mount of this namespace (open_tree(2), EINVAL). Then the file system lies on the root
// directory for a moment, where only `/..` leads to it.
long treeOfEntry(long made) {
  constexpr uint64_t kSet = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  long tree = cloneTree(made, kEntry, kSet, 0);
  if (tree == -EINVAL) {
    tree = attach(made, "/");
    if (tree >= 0) {
      tree = cloneTree(made, kEntry, kSet, 0);
      const long taken = sys(__NR_umount2, address("/.."), kDetach);
      if (taken < 0) tree = taken;
    }
  }
  (void)sys(__NR_close, made);
  return tree;
}

namespace {

// A file system with one file, which nobody can change.
long makeText(const char* text) {
  const long made = newFileSystem();
  if (made < 0) return made;
  const long fd = sys(__NR_openat, made, address(kEntry), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  long result = fd;
  if (fd >= 0) {
    result = writeAll(fd, reinterpret_cast<const uint8_t*>(text), static_cast<uint32_t>(behind(text) - 1 - text));
    if (result >= 0) result = sys(__NR_fchmod, fd, 0444);  // the umask takes bits away
    (void)sys(__NR_close, fd);
  }
  if (result >= 0) return made;
  (void)sys(__NR_close, made);
  return result;
}

}  // namespace

// A file system that is mounted nowhere must be unmounted when it is closed, and that waits for all CPUs (dissolve_on_fput() in
// fs/namespace.c): most of what a list costs. On the root directory of a seed it can stay, as the jail comes over it.
long makeTextFile(PlanStep* step, PlanContext& context) {
  context.textFd = makeText(stringsOf(step));
  if (context.textFd < 0) return context.textFd;
  if (!context.isSeeded) return 0;
  mount_attr attributes = {MOUNT_ATTR_RDONLY, 0, 0, 0};
  const long changed = sys(__NR_mount_setattr, context.textFd, address(""), AT_EMPTY_PATH, address(&attributes), sizeof attributes);
  return changed < 0 ? changed : attach(context.textFd, "/");
}

long coverFile(PlanStep* step, PlanContext& context) {
  const char* target = stringsOf(step);
  uint64_t seen;
  const long there = mountOf(target, &seen);
  if (there < 0) {
    (void)sys(__NR_close, context.textFd);
    return there == -ENOENT ? 0 : there;
  }
  const long tree = treeOfEntry(context.textFd);
  if (tree < 0) return tree;
  const long result = attach(tree, target);
  (void)sys(__NR_close, tree);
  return result;
}

namespace {

// linux/magic.h
constexpr long kTmpfs = 0x01021994;
constexpr long kOverlay = 0x794c7630;

}  // namespace

// The path is resolved now, before the program can move a directory. An overlay has the space of the file system that is written to.
long watchSpace(PlanStep* step, PlanContext& context) {
  if (context.watched == nullptr || context.watchedCount == kMostWatched) return -E2BIG;
  const long fd = sys(__NR_openat, AT_FDCWD, address(stringsOf(step)), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  struct statfs seen;
  const long known = sys(__NR_fstatfs, fd, address(&seen));
  if (known >= 0 && (seen.f_type == kTmpfs || seen.f_type == kOverlay)) {
    context.watched[context.watchedCount++] = static_cast<int>(fd);
    return 0;
  }
  // a program of the same open jail has moved the directory
  (void)sys(__NR_close, fd);  // nothing was written
  return known < 0 ? known : 0;
}

uint32_t fullOf(const PlanContext& context) {
  uint32_t full = 0;
  for (uint32_t i = 0; i < context.watchedCount; i++) {
    struct statfs seen;
    if (sys(__NR_fstatfs, context.watched[i], address(&seen)) < 0) continue;
    // without a limit the total is 0 (shmem_statfs() in mm/shmem.c)
    if (seen.f_blocks > 0 && seen.f_bfree == 0) full |= FULL_BLOCKS;
    if (seen.f_files > 0 && seen.f_ffree == 0) full |= FULL_INODES;
  }
  return full;
}

}  // namespace uchroot
