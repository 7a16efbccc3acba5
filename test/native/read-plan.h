// Reads all data that the interpreter would read from an accepted plan: a sanitizer checks that it lies inside the
// plan.
#pragma once

#include <cstdint>
#include <cstring>

#include "../../native/plan/plan.h"

inline void readPlan(const uint8_t* plan) {
  using namespace uchroot;
  uint64_t sum = 0;
  Steps steps(plan);
  while (const PlanStep* step = steps.next()) {
    const uint8_t* data = reinterpret_cast<const uint8_t*>(step + 1);
    for (uint32_t at = 0; at < step->dataBytes; at++) sum += data[at];
    if (step->op == OP_CHDIR) sum += std::strlen(reinterpret_cast<const char*>(data));
    if (step->op == OP_EXECVE) {
      const auto* slot = reinterpret_cast<const uint64_t*>(data);
      for (uint64_t s = 0; s < step->a + step->b + 3; s++) {
        if (slot[s] != 0) sum += std::strlen(reinterpret_cast<const char*>(plan + slot[s]));
      }
    }
  }
  __asm__ volatile("" : : "r"(sum));  // keeps the compiler from removing the reads
}
