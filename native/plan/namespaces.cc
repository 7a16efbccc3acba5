// Steps that make namespaces, and set up what belongs to a new one.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/sched.h>
#include <linux/sockios.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

namespace uchroot {
namespace {

constexpr long kUnixFamily = 1, kDatagram = 2, kCloseOnExec = 02000000;  // socket(2): AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC
constexpr long kNoFlag = 1;  // no flag of unshare(2)

// A seccomp filter can make a call return 0 without an effect (seccomp(2), SECCOMP_RET_ERRNO). The next steps would then change the
// host: its mounts, its name, its /proc/sys. So the call must first refuse an argument that it does not know.
long refuses(long answer, long error) {
  return answer == error ? 0 : answer < 0 ? answer : -EBADE;
}

long join(long fd, long kind) {
  if (const long real = refuses(sys(__NR_setns, -1, kind), -EBADF); real < 0) return real;
  return sys(__NR_setns, fd, kind);
}

}  // namespace

// A new mount namespace is a copy of the one that this process is in (mount_namespaces(7)).
long makeNamespaces(long flags, bool fromSeed, PlanContext& context) {
  if ((flags & CLONE_NEWNS) != 0 && fromSeed && context.seedFd >= 0) {
    if (const long joined = join(context.seedFd, CLONE_NEWNS); joined < 0) return joined;
    context.isSeeded = true;
  }
  if ((flags & CLONE_NEWNET) != 0 && context.networkFd >= 0) {
    if (const long joined = join(context.networkFd, CLONE_NEWNET); joined < 0) return joined;
    flags &= ~CLONE_NEWNET;
  }
  if (const long real = refuses(sys(__NR_unshare, flags | kNoFlag), -EINVAL); real < 0) return real;
  return sys(__NR_unshare, flags);
}

// In the kept mounts the jail is the root directory.
long joinSpaces(PlanStep* step, PlanContext& context) {
  const uint32_t* kinds = reinterpret_cast<const uint32_t*>(dataOf(step));
  bool hasMounts = false;
  for (uint32_t i = 0; i < step->dataBytes / 4; i++) {
    if (const long joined = join(context.spacesFd < 0 ? -1 : context.spacesFd + i, kinds[i]); joined < 0) return joined;
    hasMounts = hasMounts || kinds[i] == CLONE_NEWNS;
  }
  return hasMounts ? adoptJail(context, sys(__NR_openat, AT_FDCWD, address("/"), O_PATH | O_DIRECTORY | O_CLOEXEC, 0)) : 0;
}

// A new network namespace has one device, lo, which is down. Any socket can ask for it (netdevice(7)).
long raiseLoopback() {
  const long fd = sys(__NR_socket, kUnixFamily, kDatagram | kCloseOnExec, 0);
  if (fd < 0) return fd;
  ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  long raised = sys(__NR_ioctl, fd, SIOCGIFFLAGS, address(&request));
  // Reading the flags needs no lock. Setting them waits for every other process that changes a network (dev_ioctl() in
  // net/core/dev_ioctl.c).
  if (raised >= 0 && (request.ifr_flags & IFF_UP) == 0) {
    request.ifr_flags |= IFF_UP;
    raised = sys(__NR_ioctl, fd, SIOCSIFFLAGS, address(&request));
  }
  (void)sys(__NR_close, fd);
  return raised;
}

namespace {

constexpr long kProcPrefix = 6;  // "/proc/"

// Opens a file in a proc(5) that is mounted nowhere (fsmount(2)).
long openInOwnProc(const char* path, long flags) {
  const long made = newMount("proc", "", 0);
  if (made < 0) return made;
  const long fd = sys(__NR_openat, made, address(path + kProcPrefix), flags | O_CLOEXEC, 0);
  (void)sys(__NR_close, made);
  return fd;
}

}  // namespace

// Enters the mount namespace of this thread once more. The root directory of the namespace is that of the thread then (setns(2)).
long enterOwnMounts() {
  constexpr char kPath[] = "/proc/thread-self/ns/mnt";
  long fd = sys(__NR_openat, AT_FDCWD, address(kPath), O_RDONLY | O_CLOEXEC, 0);
  if (fd == -ENOENT) fd = openInOwnProc(kPath, O_RDONLY);
  if (fd < 0) return fd;
  const long joined = join(fd, CLONE_NEWNS);
  (void)sys(__NR_close, fd);
  return joined;
}

// The file exists already: these are files of /proc. A setting of a pid namespace is written by the first process of the new one, so
// that it is never the host's.
long writeFile(PlanStep* step) {
  if (step->a == 1 && sys(__NR_getpid) != 1) return -EBADE;
  const char* path = reinterpret_cast<const char*>(dataOf(step));
  uint32_t at = 0;
  while (path[at] != 0) at++;
  long fd = sys(__NR_openat, AT_FDCWD, address(path), O_WRONLY | O_CLOEXEC, 0);
  // A container has a read-only /proc/sys, and this process has CAP_SYS_ADMIN.
  if (fd == -EROFS && step->a == 1) fd = openInOwnProc(path, O_WRONLY);
  if (fd == -ENOENT && step->a == 1) return 0;
  if (fd < 0) return fd;
  const uint32_t count = step->dataBytes - at - 1;
  const long wrote = sys(__NR_write, fd, address(path + at + 1), count);
  (void)sys(__NR_close, fd);  // a file of /proc has taken effect, or told, at write
  return wrote < 0 ? wrote : wrote == static_cast<long>(count) ? 0 : -EIO;
}

}  // namespace uchroot
