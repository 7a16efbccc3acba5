// Steps of a launch without root, for things that its user namespace cannot get from the host in the usual way.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

namespace uchroot {

long adoptJail(PlanContext& context, long fd) {
  if (fd < 0) return fd;
  struct statx verified, opened;
  long result = sys(__NR_statx, context.jailFd, address(""), AT_EMPTY_PATH, STATX_INO, address(&verified));
  if (result >= 0) result = sys(__NR_statx, fd, address(""), AT_EMPTY_PATH, STATX_INO, address(&opened));
  if (result < 0) return result;
  const bool isSame = opened.stx_ino == verified.stx_ino && opened.stx_dev_major == verified.stx_dev_major &&
                      opened.stx_dev_minor == verified.stx_dev_minor;
  return isSame ? replaceJail(context, fd) : -EBADE;
}

// The jail was opened in the mount namespace of the host, where this process must not clone a tree. A new mount namespace moves the
// working directory to the copy of its mount (copy_mnt_ns() in fs/namespace.c), so no path is walked again.
long reopenJail(PlanContext& context) {
  context.isRootless = true;
  return adoptJail(context, sys(__NR_openat, AT_FDCWD, address("."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
}

// Asks the process outside, and waits until it has mapped the ids.
//
// A security module may have left the new namespace without privileges (apparmor.d(5), "userns"). The bounding set tells: the kernel
// looks for the privilege first, and then whether there is a capability with this number (cap_prctl_drop() in security/commoncap.c).
long awaitMap(long socketFd) {
  constexpr long kWithoutSignal = 0x4000, kNoCapability = 63;  // MSG_NOSIGNAL of send(2)
  uint8_t byte = 0;
  const long asked = sys(__NR_sendto, socketFd, address(&byte), 1, kWithoutSignal);
  if (asked < 0) return asked;
  long got;
  do {
    got = sys(__NR_read, socketFd, address(&byte), 1);
  } while (got == -EINTR);
  if (got != 1) return -ECANCELED;  // the process outside has failed and says why
  return prctl(PR_CAPBSET_DROP, kNoCapability) == -EPERM ? -EACCES : 0;
}

// A proc(5) can only be made while the one of the host is in sight (mount_too_revealing() in fs/namespace.c), and that is before the
// root directory changes.
long newTree(PlanStep* step, PlanContext& context) {
  context.trees[step->a] = -1;
  const long result = newMount(reinterpret_cast<const char*>(dataOf(step)), "", static_cast<long>(step->b));
  if (result < 0) return result;
  context.trees[step->a] = static_cast<int>(result);
  return 0;
}

// Through the descriptor the namespaces can be opened later, when no /proc is in reach.
long openSpaces(PlanContext& context) {
  const long fd = sys(__NR_openat, AT_FDCWD, address("/proc/self/ns"), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  context.ownSpacesFd = static_cast<int>(fd);
  return 0;
}

// A namespace lives as long as a descriptor of it, on its way through a socket too (namespaces(7)).
long sendSpaces(PlanStep* step, const PlanContext& context) {
  int fds[kMaxSpaces];
  uint32_t count = 0;
  const char* name = reinterpret_cast<const char*>(dataOf(step));
  for (const char* end = name + step->dataBytes; name < end; count++) {
    const long fd = sys(__NR_openat, context.ownSpacesFd, address(name), O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return fd;
    fds[count] = static_cast<int>(fd);
    while (*name++ != 0) continue;
  }
  const long sent = sendDescriptors(0, fds, count);
  if (sent < 0) return sent;
  (void)tell(context.statusFd, {kNoStep, PHASE_EXECUTE, 0, 0});  // fails only if nobody waits any more
  quit(0);
}

}  // namespace uchroot
