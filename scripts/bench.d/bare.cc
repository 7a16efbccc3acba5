// bare JAIL ID PROGRAM: starts PROGRAM with ID as uid and gid. Makes only the calls that lock a program in, and execve; looks
// up, resets, verifies and reads back nothing. Has no libc, like a compiled launcher: the difference between the two is the
// cost of the checks.
#include <stdint.h>

#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "../../native/launcher/start.h"
#include "../../native/plan/syscall.h"
#include "filter.h"  // kFilter, of lib/launch/seccomp/small-filter.ts

using namespace uchroot;

extern "C" [[noreturn]] [[gnu::used]] void bareMain(const char* const* stack) {
  const char* const* argv = stack + 1;
  uint32_t id = 0;
  for (const char* digit = argv[2]; *digit != 0; digit++) id = id * 10 + static_cast<uint32_t>(*digit - '0');
  const sock_fprog filter = {sizeof kFilter / sizeof kFilter[0], const_cast<sock_filter*>(kFilter)};
  const char* const* environment = argv + 4;  // empty: the end of argv

  bool isDone = sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0) >= 0;
  isDone &= sys(__NR_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
  isDone &= sys(__NR_chroot, address(argv[1])) == 0 && sys(__NR_chdir, address("/")) == 0;
  // until there is no capability of that number
  for (long capability = 0; sys(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) capability++;
  isDone &= sys(__NR_setgroups, 1, address(&id)) == 0 && sys(__NR_setresgid, id, id, id) == 0;
  isDone &= sys(__NR_setresuid, id, id, id) == 0 && sys(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  isDone &= sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, address(&filter)) == 0;
  if (isDone) (void)sys(__NR_execve, address(argv[3]), address(argv + 3), address(environment));
  for (;;) sys(__NR_exit_group, 125);
}

UCHROOT_START("bareMain")
