// Times of files as numbers of JavaScript.
#pragma once

#include <cstdint>

namespace uchroot {

// In whole milliseconds: these are exact.
inline double millisecondsOf(int64_t seconds, int64_t nanoseconds) {
  const int64_t whole = nanoseconds / 1'000'000;
  return static_cast<double>(seconds) * 1e3 + static_cast<double>(whole);
}

}  // namespace uchroot
