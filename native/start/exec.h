// Running a plan in place of this process.
#pragma once

#include <napi.h>

#include <string>

#include "../plan/plan.h"

namespace uchroot {

// {step, op, errno, detail, words?} of a failure; step is -1 outside the steps. `words`: see LaunchResult.
Napi::Object toObject(Napi::Env env, const PlanFailure& failure, const std::string& words = "");

}  // namespace uchroot
