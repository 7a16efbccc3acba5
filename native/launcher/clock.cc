// See clock.h.

#include "clock.h"

#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/mman.h>
#include <asm/signal.h>

#include "../plan/steps.h"

namespace uchroot {
namespace {

// How often a process is continued that may be stopped again until all of the program has been killed.
constexpr int64_t kAgainUs = 100'000;

// What all CPUs together can do between two looks at the CPU time; and what the processes may use after SIGXCPU. On a busy host a process
// can wait long until it runs, and only then gets the signal: so the second one is CPU time too, but no longer than a second. The same in
// lib/launch/process/cpu-watch.ts.
constexpr int64_t kMostCpuUs = 20'000;
constexpr int64_t kLongestUs = 1'000'000;
// The kernel counts a process that runs at each of its ticks only.
constexpr int64_t kLeastPauseUs = 250;

struct Work {
  int* state;
  const CgroupRecipe* recipe;
  const ClockLimits* limits;
  long childFd, waiterFd;  // pidfds: the pid of a process that has ended can belong to another one
};

// Waits this long, unless the clock is no longer needed.
void wait(const Work& work, int64_t us) {
  const __kernel_timespec limit = {us / 1'000'000, us % 1'000'000 * 1000};
  const int seen = __atomic_load_n(work.state, __ATOMIC_ACQUIRE);
  if ((seen & kNotNeeded) == 0) (void)sys(__NR_futex, address(work.state), FUTEX_WAIT, seen, address(&limit), 0, 0);
  if ((__atomic_load_n(work.state, __ATOMIC_ACQUIRE) & kNotNeeded) != 0) quit(0);
}

void add(int* state, ClockState bit) { (void)__atomic_fetch_or(state, bit, __ATOMIC_ACQ_REL); }

long send(long pidFd, int signal) { return sys(__NR_pidfd_send_signal, pidFd, signal, 0, 0); }

void continueBoth(const Work& work) {
  (void)send(work.childFd, SIGCONT);
  (void)send(work.waiterFd, SIGCONT);
}

int64_t pauseUs(const ClockLimits& limits) {
  const int64_t us = kMostCpuUs / limits.cpus;
  return us < kLeastPauseUs ? kLeastPauseUs : us;
}

// Returns which time is over. It sleeps at least as long as the processes need for the rest of their CPU time on all CPUs.
ClockState awaitEnd(const Work& work) {
  const ClockLimits& limits = *work.limits;
  const int64_t endUs = nowUs() + limits.timeMs * 1000;
  for (;;) {
    int64_t left = endUs - nowUs();
    if (limits.timeMs > 0 && left <= 0) return kTimeOver;
    if (limits.cpuUs > 0) {
      // if it cannot be read, as without a free descriptor on the host, it is tried again
      const int64_t usedUs = readCpuUs(*work.recipe), pause = pauseUs(limits);
      if (usedUs >= limits.cpuUs) return kCpuOver;
      const int64_t soonest = usedUs < 0 ? pause : (limits.cpuUs - usedUs) / limits.cpus;
      const int64_t next = soonest < pause ? pause : soonest;
      if (limits.timeMs == 0 || next < left) left = next;
    }
    wait(work, left);
  }
}

void awaitRest(const Work& work) {
  const int64_t endUs = nowUs() + kLongestUs;
  while (nowUs() < endUs && readCpuUs(*work.recipe) < work.limits->cpuUs + kMostCpuUs) wait(work, pauseUs(*work.limits));
}

[[noreturn]] void run(const Work& work) {
  const ClockState over = awaitEnd(work);
  const int signal = over == kCpuOver ? SIGXCPU : work.limits->signal;
  add(work.state, over);  // before the signal, as the waiting process reads it when the child has ended
  // An init passes it on to the group of its program.
  if (send(work.childFd, signal) < 0) {
    (void)__atomic_fetch_and(work.state, ~over, __ATOMIC_ACQ_REL);
  } else if (signal != SIGKILL) {
    continueBoth(work);
    if (over == kCpuOver) awaitRest(work);
    else wait(work, kForceKillMs * 1000);
  }
  add(work.state, kEnough);
  for (;;) {
    if (work.recipe->bytes > 0) killCgroup(*work.recipe);
    (void)send(work.childFd, SIGKILL);  // fails only if it has ended
    continueBoth(work);
    wait(work, kAgainUs);
  }
}

// False if the process could not do its work later. A byte to `ready` says that it can.
bool begin(Work* work, long waiter, long child, uint32_t capabilities, long ready) {
  (void)sys(__NR_setsid);
  (void)sys(__NR_dup3, ready, 0, 0);  // if it fails, nobody is told
  (void)sys(__NR_close_range, 1, ~0u, 0);
  work->childFd = sys(__NR_pidfd_open, child, 0);
  work->waiterFd = sys(__NR_pidfd_open, waiter, 0);
  return work->childFd >= 0 && work->waiterFd >= 0 && setCapabilities(capabilities, capabilities) >= 0 &&
         send(work->childFd, 0) >= 0 && setParentDeathSignal(SIGKILL, waiter) >= 0 &&
         writeAll(0, reinterpret_cast<const uint8_t*>(""), 1) >= 0 && sys(__NR_close, 0) >= 0;
}

}  // namespace

int64_t nowUs() {
  __kernel_timespec now = {0, 0};
  (void)sys(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, address(&now));
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

long startClock(Clock* clock, const CgroupRecipe& recipe, long child, const ClockLimits& limits, uint32_t capabilities) {
  const long memory = sys(__NR_mmap, 0, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory < 0 && memory > -4096) return memory;
  clock->state = reinterpret_cast<int*>(memory);
  int ends[2];
  if (const long made = sys(__NR_pipe2, address(ends), 0); made < 0) return made;
  const long waiter = sys(__NR_getpid);
  const long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    Work work = {clock->state, &recipe, &limits, -1, -1};
    if (!begin(&work, waiter, child, capabilities, ends[1])) quit(1);
    run(work);
  }
  (void)sys(__NR_close, ends[1]);
  if (pid < 0) return pid;
  clock->pid = pid;
  // Until it has a session of its own, a program in this process's group with its uid can stop it.
  uint8_t ready;
  long got;
  do {
    got = sys(__NR_read, ends[0], address(&ready), 1);
  } while (got == -EINTR);
  (void)sys(__NR_close, ends[0]);
  if (got == 1) return 0;
  int status = 0;
  (void)sys(__NR_wait4, pid, address(&status), __WALL, 0);
  // it was killed, or could not begin
  return (status & 0x7f) != 0 ? -ECHILD : -ESRCH;
}

void endClock(Clock* clock) {
  if (clock->pid <= 0) return;
  add(clock->state, kNotNeeded);
  (void)sys(__NR_futex, address(clock->state), FUTEX_WAKE, 1, 0, 0, 0);
  (void)sys(__NR_wait4, clock->pid, 0, __WALL, 0);
}

}  // namespace uchroot
