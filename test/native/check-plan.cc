// Hands plans to checkPlan, and never to runPlan; or, with --payload first, payloads to checkPayload.
//   check-plan FILE...                 one line a file: accepted or refused
//   check-plan --mutate COUNT FILE...  every truncation, then COUNT plans with one byte changed; one line a file
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../native/plan/interpreter.h"
#include "read-payload.h"
#include "read-plan.h"

namespace {

using Bytes = std::vector<uint8_t>;

bool isPayload = false;

// In memory of exactly its size, so that a sanitizer detects a read beyond the end.
bool accepts(const Bytes& bytes) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  if (isPayload) {
    const auto* payload = reinterpret_cast<const uchroot::Payload*>(copy.get());
    if (!uchroot::checkPayload(payload, bytes.size())) return false;
    readPayload(payload);
    return true;
  }
  if (!uchroot::checkPlan(copy.get(), static_cast<uint32_t>(bytes.size()))) return false;
  readPlan(copy.get());
  return true;
}

Bytes readFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::perror(path);
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// The number of accepted truncations: with the old header, and with a header that has the new size.
int acceptedTruncations(const Bytes& whole) {
  int accepted = 0;
  for (size_t size = 0; size < whole.size(); size++) {
    Bytes part(whole.begin(), whole.begin() + static_cast<long>(size));
    accepted += accepts(part);
    const auto sizeBytes = static_cast<uint32_t>(size);
    const size_t at = isPayload ? offsetof(uchroot::Payload, sizeBytes) : offsetof(uchroot::PlanHeader, sizeBytes);
    if (size >= at + 4) std::memcpy(&part[at], &sizeBytes, sizeof sizeBytes);
    accepted += accepts(part);
  }
  return accepted;
}

void mutate(Bytes plan, long count) {
  if (plan.empty()) return;
  std::mt19937 random(1);
  for (long i = 0; i < count; i++) {
    uint8_t& byte = plan[random() % plan.size()];
    const uint8_t before = byte;
    byte = static_cast<uint8_t>(random());
    accepts(plan);
    byte = before;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--payload") {
    isPayload = true;
    argc--;
    argv++;
  }
  if (argc > 2 && std::string(argv[1]) == "--mutate") {
    for (int i = 3; i < argc; i++) {
      const Bytes plan = readFile(argv[i]);
      std::printf("%d truncations accepted\n", acceptedTruncations(plan));
      mutate(plan, std::atol(argv[2]));
    }
    return 0;
  }
  for (int i = 1; i < argc; i++) std::puts(accepts(readFile(argv[i])) ? "accepted" : "refused");
  return 0;
}
