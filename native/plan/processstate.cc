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
#include <asm/termios.h>

#include "syscall.h"

namespace uchroot {

// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. A container's seccomp filter can refuse all keyring calls: then no keyring is usable,
// and none is inherited. This is accepted only if two calls are refused, joining and reading, and a filter is in force. ENOSYS
// for both calls means a kernel without keyrings.
long joinSession() {
  const long joined = sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  if (joined != -EPERM && joined != -ENOSYS) return joined < 0 ? joined : 0;
  const long probe = sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (probe != joined) return joined;
  if (joined == -EPERM && prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER) return joined;
  return 0;
}

// setsid(2) fails for the leader of a process group, and each job of an interactive shell is one. If the process first joins its
// parent's group, it is an ordinary member, and setsid works without a fork: the pid stays the same. A process that already leads
// a session only gives up its terminal.
long newSession() {
  const long first = sys(__NR_setsid);
  if (first != -EPERM) return first < 0 ? first : 0;
  const long self = sys(__NR_getpid);
  if (sys(__NR_getsid, 0) == self) {
    const long tty = sys(__NR_openat, AT_FDCWD, address("/dev/tty"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty == -ENXIO || tty == -ENOENT) return 0;
    if (tty < 0) return tty;
    // When a session leader gives up its terminal, its foreground group gets SIGHUP, and so this process too (tty_ioctl(4)).
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

long newGroup(bool isUnlessTerminal) {
  struct termios seen;
  for (long fd = 0; isUnlessTerminal && fd < 3; fd++) {
    if (sys(__NR_ioctl, fd, TCGETS, address(&seen)) >= 0) return 0;
  }
  return sys(__NR_setpgid, 0, 0);
}

long stopTimer(long which) {
  const uint64_t zero[4] = {0, 0, 0, 0};
  return sys(__NR_setitimer, which, address(zero), 0);
}

long setParentDeathSignal(long signal, long parent) {
  const long set = prctl(PR_SET_PDEATHSIG, signal);
  if (set < 0 || parent == 0) return set;
  // If the parent died before the call, no signal will be sent (PR_SET_PDEATHSIG(2const)).
  return sys(__NR_getppid) == parent ? 0 : -ESRCH;
}

// `ignored` is a signal that is ignored afterwards, or 0.
long resetSignals(long ignored) {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } standard = {0, 0, 0, 0}, ignore = {1 /* SIG_IGN */, 0, 0, 0};
  for (long signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long reset = sys(__NR_rt_sigaction, signal, address(signal == ignored ? &ignore : &standard), 0, 8);
    if (reset < 0) return reset;
  }
  const uint64_t none = 0;
  return sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&none), 0, 8);
}

}  // namespace uchroot
