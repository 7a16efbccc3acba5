// Runs a plan. See plan.h for the format.
#pragma once

#include "plan.h"

namespace uchroot {

// What a plan needs from the process that runs it.
struct PlanContext {
  int jailFd;  // the verified jail directory (O_PATH | O_DIRECTORY)
};

// True if the whole plan is well formed: sizes, op numbers, data sizes, strings ended, execve last.
bool checkPlan(const void* plan, uint32_t sizeBytes);

// Runs every step of a checked plan. Returns only if a step failed.
PlanFailure runPlan(void* plan, const PlanContext& context);

}  // namespace uchroot
