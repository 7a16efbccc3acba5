// Running a plan in place of this process.
#pragma once

#include <napi.h>

#include "../plan/plan.h"

namespace uchroot {

// {step, op, errno, detail} of a failure; step is -1 outside the steps.
Napi::Object toObject(Napi::Env env, const PlanFailure& failure);

void initExec(Napi::Env env, Napi::Object exports);

}  // namespace uchroot
