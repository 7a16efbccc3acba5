// Steps about open descriptors.

#include "steps.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <asm/statfs.h>

#include "syscall.h"

namespace uchroot {
namespace {

// A descriptor of a host directory lets the program leave its root directory (CVE-2024-21626).
long refuseDirectory(long fd, struct statx& status) {
  const long got = sys(__NR_statx, fd, address(""), AT_EMPTY_PATH, STATX_TYPE | STATX_MODE, address(&status));
  if (got < 0) return got;
  return (status.stx_mode & S_IFMT) == S_IFDIR ? -EISDIR : 0;
}

// 1 for a null device other than that of makeNullTree(). Otherwise 0 or a negative errno. A read-only mount alone says too little: a host
// may have mounted its own so, and it could be locked (flock(2)).
long isForeignNull(long fd, const struct statx& status) {
  const bool isNull = (status.stx_mode & S_IFMT) == S_IFCHR && status.stx_rdev_major == 1 && status.stx_rdev_minor == 3;
  if (!isNull) return 0;
  if ((status.stx_mode & kNullMode) != kNullMode) return 1;
  struct statfs seen;
  seen.f_flags = 0;
  const long got = sys(__NR_fstatfs, fd, address(&seen));
  return got < 0 ? got : (seen.f_flags & MOUNT_ATTR_RDONLY) == 0;
}

// In a container without CAP_SYS_ADMIN, and for an ordinary user, the kernel makes no mount. Then it is the null device of the caller.
long openNull() {
  const long tree = makeNullTree();
  if (tree == -EPERM || tree == -EACCES || tree == -ENOSYS) return sys(__NR_openat, AT_FDCWD, address("/dev/null"), O_RDWR);
  if (tree < 0) return tree;
  const long opened = sys(__NR_openat, tree, address(kNullInTree), O_RDWR);
  (void)sys(__NR_close, tree);
  return opened;
}

// Puts a null device in the place of a descriptor. It is opened once and then duplicated, as it takes much longer to make.
long becomeNull(long fd, long* nullFd) {
  if (*nullFd >= 0) return sys(__NR_dup3, *nullFd, fd, 0);
  const long opened = openNull();
  if (opened < 0 || opened == fd) return (*nullFd = opened) < 0 ? opened : 0;
  const long moved = sys(__NR_dup3, opened, fd, 0);
  (void)sys(__NR_close, opened);
  *nullFd = moved;
  return moved;
}

}  // namespace

// A seccomp filter can give the answer in place of close_range(2). The descriptor of the jail must be closed by it, and so shows whether
// it was. uchroot-tcpd has no jail: there, a copy of 0 shows it.
long closeOnExec(long first, long jailFd) {
  const long probe = jailFd >= 0 ? jailFd : sys(__NR_fcntl, 0, F_DUPFD, first);
  if (probe < 0) return probe;
  long result = sys(__NR_fcntl, probe, F_SETFD, 0);
  if (result >= 0) result = sys(__NR_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC);
  if (result >= 0) result = sys(__NR_fcntl, probe, F_GETFD);
  if (jailFd < 0) (void)sys(__NR_close, probe);  // nothing was written
  if (result < 0) return result;
  return (result & FD_CLOEXEC) == 0 ? -EBADE : 0;
}

long keepDescriptor(long fd) {
  struct statx status;
  const long refused = refuseDirectory(fd, status);
  return refused < 0 ? refused : sys(__NR_fcntl, fd, F_SETFD, 0);
}

long keepListenFds(int count, uint32_t* detail) {
  for (int i = 0; i < count; i++) {
    *detail = static_cast<uint32_t>(3 + i);
    const long kept = keepDescriptor(3 + i);
    if (kept < 0) return kept;
  }
  return 0;
}

long keepStdio(long fd, bool replacesNull, long* nullFd) {
  const long flags = sys(__NR_fcntl, fd, F_GETFL);
  if (flags == -EBADF) return becomeNull(fd, nullFd);
  if (flags < 0) return flags;
  struct statx status;
  long kept = refuseDirectory(fd, status);
  if (kept >= 0 && replacesNull) kept = isForeignNull(fd, status);
  if (kept < 0) return kept;
  if (kept == 1) return becomeNull(fd, nullFd);
  kept = sys(__NR_fcntl, fd, F_SETFD, 0);
  if (kept < 0 || !(flags & O_NONBLOCK)) return kept;
  return sys(__NR_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
}

long writeAll(long fd, const uint8_t* bytes, uint32_t count) {
  for (uint32_t done = 0; done < count;) {
    const long wrote = sys(__NR_write, fd, address(bytes + done), count - done);
    if (wrote == -EINTR) continue;
    if (wrote <= 0) return wrote < 0 ? wrote : -EIO;
    done += static_cast<uint32_t>(wrote);
  }
  return 0;
}

// A closed reader causes EPIPE and SIGPIPE, a file size limit EFBIG and SIGXFSZ (write(2), setrlimit(2)). The signals are blocked
// so that this process lives to see the errno. After a failure they stay blocked, because one of them is pending.
long writeWithoutSignal(long fd, const uint8_t* bytes, uint32_t count) {
  const uint64_t signals = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
  const long blocked = sys(__NR_rt_sigprocmask, SIG_BLOCK, address(&signals), 0, 8);
  if (blocked < 0) return blocked;
  const long wrote = writeAll(fd, bytes, count);
  return wrote < 0 ? wrote : sys(__NR_rt_sigprocmask, SIG_UNBLOCK, address(&signals), 0, 8);
}

// sendmsg(2), cmsg(3), unix(7): SCM_RIGHTS
long sendDescriptors(long socket, const int* fds, uint32_t count) {
  constexpr int kSocketLevel = 1, kRights = 1;
  constexpr uint64_t kHeaderBytes = 16;
  uint8_t byte = 0;
  struct {
    void* bytes;
    uint64_t count;
  } part = {&byte, 1};
  struct {
    uint64_t bytes;
    int level, type, fds[kMostSockets];
  } control = {kHeaderBytes + count * sizeof(int), kSocketLevel, kRights, {}};
  for (uint32_t i = 0; i < count; i++) control.fds[i] = fds[i];
  struct {
    void* name;
    uint64_t nameBytes;
    void* parts;
    uint64_t count;
    void* control;
    uint64_t controlBytes;
    uint64_t flags;
  } message = {nullptr, 0, &part, 1, &control, kHeaderBytes + padded(count * sizeof(int)), 0};
  const long sent = sys(__NR_sendmsg, socket, address(&message), 0x4000 /* MSG_NOSIGNAL */);
  return sent < 0 ? sent : 0;
}

}  // namespace uchroot
