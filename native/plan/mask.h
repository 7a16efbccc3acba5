// Masks a plan with XOR, so that it becomes a string without NUL. The same call restores it.
#pragma once

#include <stdint.h>

namespace uchroot {

// It works on eight bytes at a time: byte by byte, masking would take as long as checking the plan.
inline void applyMask(char* target, const char* source, uint32_t count, char mask) {
  const uint64_t eight = 0x0101010101010101u * static_cast<uint8_t>(mask);
  uint32_t at = 0;
  for (; at + 8 <= count; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, source + at, 8);
    word ^= eight;
    __builtin_memcpy(target + at, &word, 8);
  }
  for (; at < count; at++) target[at] = static_cast<char>(source[at] ^ mask);
}

}  // namespace uchroot
