// The numbers of a device in dev_t, as in makedev(3), whose functions have other names in musl than in glibc.
#pragma once

#include <sys/types.h>

namespace uchroot {

constexpr unsigned majorOf(dev_t device) {
  return static_cast<unsigned>((device >> 8 & 0xfff) | (device >> 32 & ~0xfffUL));
}

constexpr unsigned minorOf(dev_t device) {
  return static_cast<unsigned>((device & 0xff) | (device >> 12 & ~0xffUL));
}

constexpr dev_t toDevice(unsigned majorNumber, unsigned minorNumber) {
  const dev_t high = majorNumber, low = minorNumber;
  return (high & 0xfff) << 8 | (high & ~0xfffUL) << 32 | (low & 0xff) | (low & ~0xffUL) << 12;
}

}  // namespace uchroot
