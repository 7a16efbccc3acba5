// Steps that only tighten the limits of the program.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/ioprio.h>
#include <linux/sched.h>

#include <asm/fcntl.h>

#include "syscall.h"

namespace uchroot {

long setUmask(uint64_t mask, bool exact) {
  const long previous = sys(__NR_umask, static_cast<long>(mask));
  if (previous < 0) return previous;
  const long wanted = static_cast<long>(mask) | previous;
  if (exact || wanted == static_cast<long>(mask)) return 0;
  const long again = sys(__NR_umask, wanted);
  return again < 0 ? again : 0;
}

long setLimit(PlanStep* step) {
  const Limit* asked = reinterpret_cast<const Limit*>(dataOf(step));
  Limit now = {0, 0};
  const long got = sys(__NR_prlimit64, 0, static_cast<long>(step->a), 0, address(&now));
  if (got < 0) return got;
  Limit next = now;
  if (step->b == RLIMIT_SET) {
    next = *asked;
  } else if (step->b == RLIMIT_SET_SOFT || asked->soft < now.soft) {
    next.soft = asked->soft < now.hard ? asked->soft : now.hard;
  }
  if (next.soft == now.soft && next.hard == now.hard) return 0;
  return sys(__NR_prlimit64, 0, static_cast<long>(step->a), address(&next), 0);
}

long dropNice() {
  // The raw call returns 20 - nice, so that a nice value never looks like an error (getpriority(2)).
  const long answer = sys(__NR_getpriority, 0, 0);
  if (answer < 0) return answer;
  return answer > 20 ? sys(__NR_setpriority, 0, 0, 0) : 0;
}

long dropOomScoreAdj() {
  const char* path = "/proc/self/oom_score_adj";
  const long in = sys(__NR_openat, AT_FDCWD, address(path), O_RDONLY | O_CLOEXEC);
  if (in < 0) return in;
  char first = 0;
  const long got = sys(__NR_read, in, address(&first), 1);
  const long closed = sys(__NR_close, in);
  if (got < 0) return got;
  if (closed < 0) return closed;
  if (first != '-') return 0;
  const long out = sys(__NR_openat, AT_FDCWD, address(path), O_WRONLY | O_CLOEXEC);
  if (out < 0) return out;
  const long put = sys(__NR_write, out, address("0"), 1);
  const long closedOut = sys(__NR_close, out);
  return put < 0 ? put : closedOut;
}

long dropRealtime() {
  const long policy = sys(__NR_sched_getscheduler, 0);
  if (policy < 0) return policy;
  switch (policy & ~SCHED_RESET_ON_FORK) {
    case SCHED_FIFO:
    case SCHED_RR:
    case SCHED_DEADLINE: {
      const int priority = 0;
      return sys(__NR_sched_setscheduler, 0, SCHED_NORMAL, address(&priority));
    }
    default:
      return 0;  // the caller chose SCHED_BATCH or SCHED_IDLE as a restriction: it stays
  }
}

long dropIoRealtime() {
  const long priority = sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, 0);
  if (priority < 0) return priority;
  if (IOPRIO_PRIO_CLASS(priority) != IOPRIO_CLASS_RT) return 0;
  return sys(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
}

}  // namespace uchroot
