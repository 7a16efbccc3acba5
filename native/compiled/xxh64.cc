// XXH64 for little-endian machines: x86-64 and arm64.

#include "xxh64.h"

namespace uchroot {
namespace {

constexpr uint64_t kPrime1 = 0x9e3779b185ebca87, kPrime2 = 0xc2b2ae3d27d4eb4f, kPrime3 = 0x165667b19e3779f9,
                   kPrime4 = 0x85ebca77c2b2ae63, kPrime5 = 0x27d4eb2f165667c5;

// A packed struct tells the compiler that the data may be unaligned.
struct [[gnu::packed, gnu::may_alias]] Word64 {
  uint64_t value;
};
struct [[gnu::packed, gnu::may_alias]] Word32 {
  uint32_t value;
};
uint64_t read64(const uint8_t* bytes) { return reinterpret_cast<const Word64*>(bytes)->value; }
uint64_t read32(const uint8_t* bytes) { return reinterpret_cast<const Word32*>(bytes)->value; }

uint64_t rotated(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }
uint64_t round(uint64_t lane, uint64_t input) { return rotated(lane + input * kPrime2, 31) * kPrime1; }
uint64_t merged(uint64_t hash, uint64_t lane) { return (hash ^ round(0, lane)) * kPrime1 + kPrime4; }

}  // namespace

uint64_t xxh64(const uint8_t* bytes, uint64_t count, uint64_t seed) {
  const uint8_t* const end = bytes + count;
  uint64_t hash = seed + kPrime5;
  if (count >= 32) {
    uint64_t a = seed + kPrime1 + kPrime2, b = seed + kPrime2, c = seed, d = seed - kPrime1;
    for (; end - bytes >= 32; bytes += 32) {
      a = round(a, read64(bytes));
      b = round(b, read64(bytes + 8));
      c = round(c, read64(bytes + 16));
      d = round(d, read64(bytes + 24));
    }
    hash = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18);
    hash = merged(merged(merged(merged(hash, a), b), c), d);
  }
  hash += count;
  for (; end - bytes >= 8; bytes += 8) hash = rotated(hash ^ round(0, read64(bytes)), 27) * kPrime1 + kPrime4;
  for (; end - bytes >= 4; bytes += 4) hash = rotated(hash ^ read32(bytes) * kPrime1, 23) * kPrime2 + kPrime3;
  for (; bytes != end; bytes++) hash = rotated(hash ^ *bytes * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace uchroot
