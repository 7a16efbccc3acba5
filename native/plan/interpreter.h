// Runs a plan. See plan.h for the format.
#pragma once

#include "plan.h"

namespace uchroot {

// What a plan needs from the process that runs it.
struct PlanContext {
  int jailFd;  // the verified jail directory (O_PATH | O_DIRECTORY)
  // What a compiled launcher learns only when it starts.
  int listenFds = 0;                         // how many descriptors from 3 on are passed to it (sd_listen_fds(3))
  const char* const* environment = nullptr;  // instead of the plan's
  int statusFd = -1;                         // of a launcher: told PHASE_EXECUTE
  bool hasThreads = false;                   // others that use descriptors: none is closed while this process waits for the program
  volatile PlanFailure* progress = nullptr;  // of a rehearsal: which step is tried; execve is not
  // Of the run itself.
  long nullFd = -1;      // what was opened for the first of 0 to 2 that is closed
  bool isChild = false;  // of the process that performed the stage before; statusFd leads to it
};

// True if the whole plan is well formed: sizes, op numbers, data sizes, strings ended, execve last.
bool checkPlan(const void* plan, uint32_t sizeBytes);

// Runs one step of a checked plan. Returns 0 or a negative errno, and what PlanFailure.detail says.
long runStep(void* plan, PlanStep* step, PlanContext& context, uint32_t* detail);

// Runs every step of a checked plan, each stage in a process of its own. Returns only if a step failed, or after a rehearsal with
// PHASE_EXECUTE and no error: always in the process that called it.
PlanFailure runPlan(void* plan, PlanContext context);

}  // namespace uchroot
