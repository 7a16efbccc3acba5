// Runs a plan. See plan.h for the format.
#pragma once

#include "plan.h"

namespace uchroot {

// What a plan needs from the process that runs it.
struct PlanContext {
  int jailFd;  // the verified jail directory (O_PATH | O_DIRECTORY)
  // What the thread from which this process is descended has seen of itself, and a child has too. In a new process the
  // first look into /proc is dear, and so are 41 looks at the bounding set.
  bool isOomScoreAdjKnown = false;   // it is not negative
  bool isBoundingSetKnown = false;   // it is empty (crew.cc)
  // What a compiled launcher learns only when it starts.
  int listenFds = 0;                          // how many descriptors from 3 on are passed to it (sd_listen_fds(3))
  const char* const* environment = nullptr;   // instead of the plan's
};

// True if the whole plan is well formed: sizes, op numbers, data sizes, strings ended, execve last.
bool checkPlan(const void* plan, uint32_t sizeBytes);

// Drops from this thread's bounding set what is not in `keep`, and sees that it is gone. Returns 0 or a negative errno,
// and the capability at which it stopped.
long dropBoundingSet(uint64_t keep, uint32_t* capability);

// Runs every step of a checked plan. Returns only if a step failed.
PlanFailure runPlan(void* plan, const PlanContext& context);

}  // namespace uchroot
