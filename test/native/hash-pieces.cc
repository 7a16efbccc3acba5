// Prints the SHA-256 of a file, hashed in pieces, by each implementation that this processor supports.
//   hash-pieces FILE SIZE...   uses these piece sizes in turn, repeatedly
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "../../native/files/sha256.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> data{std::istreambuf_iterator<char>(file), {}};
  for (const uchroot::Sha256Compress compress : {&uchroot::compressPortable, uchroot::compressNative()}) {
    if (compress == nullptr) continue;
    uchroot::Sha256 sum(compress);
    size_t at = 0;
    for (int i = 2; at < data.size(); i = i + 1 < argc ? i + 1 : 2) {
      const size_t wanted = std::strtoul(argv[i], nullptr, 10);
      const size_t size = wanted < data.size() - at ? wanted : data.size() - at;
      sum.update(data.data() + at, size);
      at += size;
    }
    uint8_t hash[uchroot::kSha256Bytes];
    sum.finish(hash);
    for (const uint8_t byte : hash) std::printf("%02x", byte);
    std::printf("\n");
  }
}
