// The step that gives the program a pseudo-terminal of its own: pty(7), pts(4).

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/statfs.h>
#include <asm/termios.h>

namespace uchroot {
namespace {

constexpr long kMasterFlags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

// Opens the multiplexer of the devpts that is mounted on this directory: the terminal then has a path there. The directory may
// belong to a hostile jail, so nothing is opened in it before it is known to be a devpts, whose entries are the kernel's.
long openIn(const PlanStep* step, long jailFd) {
  const bool isOutside = (step->b & PTY_OUTSIDE) != 0;
  open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, isOutside ? RESOLVE_IN_ROOT : 0ull};
  const long directory =
      sys(__NR_openat2, isOutside ? jailFd : AT_FDCWD, address(dataOf(step)), address(&how), sizeof how);
  if (directory < 0) return directory;
  struct statfs seen;
  long result = sys(__NR_fstatfs, directory, address(&seen));
  if (result >= 0 && seen.f_type != DEVPTS_SUPER_MAGIC) result = -ENODEV;
  if (result >= 0) result = sys(__NR_openat, directory, address("ptmx"), kMasterFlags, 0);
  (void)sys(__NR_close, directory);
  return result;
}

// Whether there is no devpts.
bool isMissing(long error) { return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENODEV; }

long openMaster(const PlanStep* step, long jailFd) {
  const long master = openIn(step, jailFd);
  if (!isMissing(master) || (step->b & PTY_OUTSIDE) == 0) return master;
  return sys(__NR_openat, AT_FDCWD, address("/dev/ptmx"), kMasterFlags, 0);
}

// The other end, whatever its path is, and even if it has none in this mount namespace (ioctl_tty(2), TIOCGPTPEER).
long openPeer(const PlanStep* step, long master) {
  const int unlocked = 0;
  long result = sys(__NR_ioctl, master, TIOCSPTLCK, address(&unlocked));
  if (result < 0) return result;
  result = sys(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (result < 0) return result;
  const winsize size = {static_cast<uint16_t>(step->b >> 16), static_cast<uint16_t>(step->b), 0, 0};
  const long peer = result;
  result = sys(__NR_ioctl, master, TIOCSWINSZ, address(&size));
  // The group and the mode are those that the devpts gives (grantpt(3)).
  if (result >= 0) result = sys(__NR_fchown, peer, static_cast<long>(step->a), -1);
  if (result >= 0) return peer;
  (void)sys(__NR_close, peer);
  return result;
}

}  // namespace

long openPty(const PlanStep* step, long jailFd) {
  const long master = openMaster(step, jailFd);
  if (master < 0) return master;
  const long peer = openPeer(step, master);
  long result = peer;
  const bool isTried = (step->b & PTY_TRIED) != 0;
  const int sent = static_cast<int>(master);
  if (result >= 0 && !isTried) result = sendDescriptors(0, &sent, 1);
  for (long fd = 0; fd <= 2 && result >= 0 && !isTried; fd++) result = sys(__NR_dup3, peer, fd, 0);
  (void)sys(__NR_close, master);
  if (peer >= 0) (void)sys(__NR_close, peer);
  return result < 0 ? result : 0;
}

}  // namespace uchroot
