#include "likeness.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>

#include "../plan/syscall.h"

namespace uchroot {
namespace {

// Raw: 20 less the nice value, so that it is never negative (getpriority(2), "C library/kernel differences").
void takePriority(pid_t tid) {
  const long theirs = sys(__NR_getpriority, PRIO_PROCESS, tid);
  if (theirs < 0 || theirs == sys(__NR_getpriority, PRIO_PROCESS, 0)) return;
  (void)sys(__NR_setpriority, PRIO_PROCESS, 0, 20 - theirs);
}

void takeIoPriority(pid_t tid) {
  const long theirs = sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, tid);
  if (theirs < 0 || theirs == sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, 0)) return;
  (void)sys(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, theirs);
}

// Set only where it differs: what was set by this call limits the thread also when its cpuset grows (cpuset(7)).
void takeAffinity(pid_t tid) {
  cpu_set_t theirs, own;
  if (sched_getaffinity(tid, sizeof theirs, &theirs) != 0 || sched_getaffinity(0, sizeof own, &own) != 0) return;
  if (!CPU_EQUAL(&theirs, &own)) (void)sched_setaffinity(0, sizeof theirs, &theirs);
}

}  // namespace

void becomeLike(pid_t tid) {
  takePriority(tid);
  takeIoPriority(tid);
  takeAffinity(tid);
}

}  // namespace uchroot
