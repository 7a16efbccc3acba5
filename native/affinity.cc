#include "affinity.h"

namespace uchroot {
namespace {

// An idle CPU takes up a thread in a tenth of it; on a busy one the thread waits for its turn, some milliseconds.
constexpr long kPromptNs = 1'000'000;

long nanosecondsSince(const timespec& then) {
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - then.tv_sec) * 1'000'000'000 + now.tv_nsec - then.tv_nsec;
}

}  // namespace

// The thread keeps off cpu_. False where that leaves none.
bool Affinity::leaveFor(pid_t tid) {
  cpu_set_t others = cpus_;
  CPU_CLR(cpu_, &others);
  return CPU_COUNT(&others) > 0 && sched_setaffinity(tid, sizeof others, &others) == 0;
}

void Affinity::leaveAgain() {
  if (isLeaving_ && cpu_ >= 0) hasLeft_ = leaveFor(0);
}

void Affinity::leave(pid_t tid) {
  (void)clock_gettime(CLOCK_MONOTONIC, &left_);
  if (!isLeaving_) return;
  const int cpu = sched_getcpu();
  cpu_set_t cpus;
  if (cpu < 0 || sched_getaffinity(0, sizeof cpus, &cpus) != 0) return;
  if (hasLeft_ && cpu == cpu_ && CPU_EQUAL(&cpus, &cpus_)) return;
  cpu_ = cpu;
  cpus_ = cpus;
  hasLeft_ = leaveFor(tid) || hasLeft_;
}

void Affinity::stay() {
  if (hasLeft_) (void)sched_setaffinity(0, sizeof cpus_, &cpus_);
  hasLeft_ = false;
}

void Affinity::restore() {
  stay();
  // It had to wait. Perhaps the other CPUs are busy, or the event loop is: next time it goes the other way.
  if (nanosecondsSince(left_) > kPromptNs) isLeaving_ = !isLeaving_;
}

}  // namespace uchroot
