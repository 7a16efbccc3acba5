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
  } else if (step->b == RLIMIT_CAP) {
    if (asked->hard < now.hard) next.hard = asked->hard;
    if (asked->soft < now.soft) next.soft = asked->soft;
  } else if (step->b == RLIMIT_SET_SOFT || asked->soft < now.soft) {
    next.soft = asked->soft < now.hard ? asked->soft : now.hard;
  }
  if (next.soft == now.soft && next.hard == now.hard) return 0;
  return sys(__NR_prlimit64, 0, static_cast<long>(step->a), address(&next), 0);
}

long raiseNice(long least) {
  // The raw call returns 20 - nice, so that a nice value never looks like an error (getpriority(2)).
  const long answer = sys(__NR_getpriority, 0, 0);
  if (answer < 0) return answer;
  return 20 - answer < least ? sys(__NR_setpriority, 0, 0, least) : 0;
}

namespace {

// A decimal number with an optional minus sign.
long parse(const char* text, long size) {
  const bool isNegative = size > 0 && text[0] == '-';
  long value = 0;
  for (long i = isNegative ? 1 : 0; i < size && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + (text[i] - '0');
  return isNegative ? -value : value;
}

}  // namespace

long raiseOomScoreAdj(const PlanStep* step) {
  const char* path = "/proc/self/oom_score_adj";
  const long in = sys(__NR_openat, AT_FDCWD, address(path), O_RDONLY | O_CLOEXEC);
  if (in < 0) return in;
  char text[8] = {};
  const long got = sys(__NR_read, in, address(text), sizeof text);
  const long closed = sys(__NR_close, in);
  if (got < 0) return got;
  if (closed < 0) return closed;
  if (parse(text, got) >= static_cast<long>(step->a)) return 0;
  const long out = sys(__NR_openat, AT_FDCWD, address(path), O_WRONLY | O_CLOEXEC);
  if (out < 0) return out;
  const bool isZero = step->dataBytes == 0;
  const long put = sys(__NR_write, out, isZero ? address("0") : address(dataOf(step)), isZero ? 1 : step->dataBytes);
  const long closedOut = sys(__NR_close, out);
  return put < 0 ? put : closedOut;
}

// Leaves one CPU of the mask: that which it runs on, as the lowest would be the same for all launches.
static void keepOneCpu(uint64_t* mask, uint32_t words) {
  uint32_t cpu = 0;
  if (sys(__NR_getcpu, address(&cpu), 0, 0) < 0 || cpu / 64 >= words || (mask[cpu / 64] >> (cpu % 64) & 1) == 0) {
    cpu = 0;
    while (cpu < words * 64 && (mask[cpu / 64] >> (cpu % 64) & 1) == 0) cpu++;
  }
  for (uint32_t i = 0; i < words; i++) mask[i] &= i == cpu / 64 ? uint64_t{1} << (cpu % 64) : 0;
}

long narrowAffinity(const PlanStep* step) {
  uint64_t mask[kMostCpus / 64];
  const long bytes = sys(__NR_sched_getaffinity, 0, sizeof mask, address(mask));
  if (bytes < 0) return bytes;
  const uint64_t* asked = reinterpret_cast<const uint64_t*>(dataOf(step));
  for (uint32_t i = 0; i < bytes / 8 && step->dataBytes > 0; i++) mask[i] &= i < step->dataBytes / 8 ? asked[i] : 0;
  if (step->a == 1) keepOneCpu(mask, static_cast<uint32_t>(bytes / 8));
  // An empty mask is EINVAL.
  return sys(__NR_sched_setaffinity, 0, bytes, address(mask));
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
