// libFuzzer target: checkPlan never reads beyond a plan, and what it accepts can be read without doing so.
// scripts/fuzz builds and runs it.
#include <cstddef>
#include <cstring>
#include <memory>

#include "../../native/plan/interpreter.h"
#include "../native/read-plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // a copy of exactly its size, aligned as a plan is
  const std::unique_ptr<uint8_t[]> plan(new uint8_t[size]);
  if (size > 0) std::memcpy(plan.get(), data, size);
  if (uchroot::checkPlan(plan.get(), static_cast<uint32_t>(size))) readPlan(plan.get());
  return 0;
}
