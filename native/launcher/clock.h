// The process that ends a program when its time, or that of its cgroup on a CPU, is over. Raw system calls only.
//
// In a job of a terminal, the process that waits for the program is in the program's process group, and often has its uid. So the program
// can stop it, discard its signals and lower its priority, for all of its group at once (kill(2), setpriority(2)). This process has a
// session of its own, and the program cannot see it.
#pragma once

#include <stdint.h>

#include "../cgroup/cgroup.h"

namespace uchroot {

// From SIGTERM to SIGKILL. As forceKillAfterMs of the library.
constexpr int64_t kForceKillMs = 5000;

// Bits of Clock.state.
enum ClockState : int {
  kTimeOver = 1,   // the program was asked to end
  kEnough = 2,     // it was killed; or it had ended before its time, and its output can wait no longer
  kNotNeeded = 4,  // the clock may end
  kCpuOver = 8,    // as kTimeOver, for the time on a CPU
};

struct Clock {
  int* state = nullptr;  // in memory that both processes share
  long pid = -1;

  bool has(ClockState bit) const { return state != nullptr && (__atomic_load_n(state, __ATOMIC_ACQUIRE) & bit) != 0; }
};

struct ClockLimits {
  int64_t timeMs;  // 0: none
  int signal;      // the first one at the end of that time
  int64_t cpuUs;   // of all processes of the cgroup; 0: none
  int64_t cpus;    // that they can run on
};

// After its time the child gets the signal, and some seconds later SIGKILL, as does what is in the cgroup. After the CPU time: SIGXCPU, and
// 20 ms on a CPU later SIGKILL. Each time this process gets SIGCONT: it may be stopped together with the child. `capabilities`: what the
// clock keeps of those of this process; it keeps the ids. Returns 0 or a negative errno; ESRCH: the clock has ended.
long startClock(Clock* clock, const CgroupRecipe& recipe, long child, const ClockLimits& limits, uint32_t capabilities);

void endClock(Clock* clock);

int64_t nowUs();  // CLOCK_MONOTONIC

}  // namespace uchroot
