// The process that ends a program when its time is over. Raw system calls only.
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
};

struct Clock {
  int* state = nullptr;  // in memory that both processes share
  long pid = -1;

  bool has(ClockState bit) const { return state != nullptr && (__atomic_load_n(state, __ATOMIC_ACQUIRE) & bit) != 0; }
};

// After this time the child gets SIGTERM, and some seconds later SIGKILL, as does what is in the cgroup. Each time this process gets
// SIGCONT: it may be stopped together with the child. `capabilities`: what the clock keeps of those of this process; it keeps the ids.
// Returns 0 or a negative errno; ESRCH: the clock has ended.
long startClock(Clock* clock, const CgroupRecipe& recipe, long child, int64_t milliseconds, int signal, uint32_t capabilities);

void endClock(Clock* clock);

}  // namespace uchroot
