// Steps about the process itself: session, keyring, timers, signals, parent.

#include "steps.h"

#include <linux/keyctl.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/signal.h>

#include "syscall.h"

namespace uchroot {

// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. A container's seccomp filter refuses the keyrings to everybody;
// then there is none to inherit. It must be seen twice to be a filter: refused here, and refused for
// reading, while a filter is in force. ENOSYS both times is a kernel without keyrings.
long joinSession() {
  const long joined = sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  if (joined != -EPERM && joined != -ENOSYS) return joined < 0 ? joined : 0;
  const long probe = sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (probe != joined) return joined;
  if (joined == -EPERM && prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER) return joined;
  return 0;
}

// setsid(2) refuses the leader of a process group, which every job of an interactive shell is. Joining
// the parent's group first makes it an ordinary member, without a fork and so with the same pid. Who leads
// a session already only has to let go of its terminal.
long newSession() {
  const long first = sys(__NR_setsid);
  if (first != -EPERM) return first < 0 ? first : 0;
  const long self = sys(__NR_getpid);
  if (sys(__NR_getsid, 0) == self) {
    const long tty = sys(__NR_openat, AT_FDCWD, address("/dev/tty"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty == -ENXIO || tty == -ENOENT) return 0;
    if (tty < 0) return tty;
    // The session's leader giving up its terminal sends SIGHUP to its foreground group: itself (tty_ioctl(4)).
    struct {
      uint64_t handler, flags, restorer, mask;
    } ignore = {1, 0, 0, 0};
    const long ignored = sys(__NR_rt_sigaction, SIGHUP, address(&ignore), 0, 8);
    const long released = ignored < 0 ? ignored : sys(__NR_ioctl, tty, TIOCNOTTY);
    const long closed = sys(__NR_close, tty);
    return released < 0 ? released : closed;
  }
  const long parentGroup = sys(__NR_getpgid, sys(__NR_getppid));
  if (parentGroup < 0) return parentGroup;
  const long moved = sys(__NR_setpgid, 0, parentGroup);
  if (moved < 0) return moved;
  const long second = sys(__NR_setsid);
  return second < 0 ? second : 0;
}

long stopTimer(long which) {
  const uint64_t zero[4] = {0, 0, 0, 0};
  return sys(__NR_setitimer, which, address(zero), 0);
}

long setParentDeathSignal(long signal, long parent) {
  const long set = prctl(PR_SET_PDEATHSIG, signal);
  if (set < 0 || parent == 0) return set;
  // A parent that died before the call sends nothing any more (PR_SET_PDEATHSIG(2const)).
  return sys(__NR_getppid) == parent ? 0 : -ESRCH;
}

long resetSignals() {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } standard = {0, 0, 0, 0};
  for (long signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long reset = sys(__NR_rt_sigaction, signal, address(&standard), 0, 8);
    if (reset < 0) return reset;
  }
  const uint64_t none = 0;
  return sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&none), 0, 8);
}

}  // namespace uchroot
