// libFuzzer target: checkPayload never reads beyond a payload, and what it accepts can be read without doing so.
// scripts/fuzz builds and runs it.
#include <cstddef>
#include <cstring>
#include <memory>

#include "../native/read-payload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // a copy of exactly its size, aligned as a payload is
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size]);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const auto* payload = reinterpret_cast<const uchroot::Payload*>(copy.get());
  if (uchroot::checkPayload(payload, size)) readPayload(payload);
  return 0;
}
