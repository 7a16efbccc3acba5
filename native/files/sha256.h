// SHA-256 (FIPS 180-4), with the processor's SHA instructions if it has them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace uchroot {

constexpr size_t kSha256Bytes = 32;

// Adds blocks of 64 bytes to the eight words of the state.
using Sha256Compress = void (*)(uint32_t* state, const uint8_t* data, size_t blocks);

// Plain C++, for every processor.
void compressPortable(uint32_t* state, const uint8_t* data, size_t blocks);

// Uses this processor's SHA instructions; nullptr if it has none.
Sha256Compress compressNative();

inline Sha256Compress fastestSha256() {
  static const Sha256Compress native = compressNative();
  return native == nullptr ? compressPortable : native;
}

class Sha256 {
 public:
  explicit Sha256(Sha256Compress compress) : compress_(compress) {}
  void update(const void* data, size_t size);
  // Writes the hash. No data can be added after that.
  void finish(uint8_t* hash);

 private:
  static constexpr size_t kBlock = 64;

  Sha256Compress compress_;
  uint32_t state_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint64_t size_ = 0;
  uint8_t rest_[kBlock];  // the size_ % kBlock bytes of an incomplete block
};

}  // namespace uchroot
