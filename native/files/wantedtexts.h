// Finds names of programs, and paths, in the bytes of other programs. lib/jail/dpkg/scan-names.ts says what counts as found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace uchroot {

// A Bloom filter (with one hash function) of the words and paths in one file.
constexpr int kFilterBits = 18;
constexpr size_t kFilterBytes = size_t{1} << (kFilterBits - 3);

class WantedTexts {
 public:
  // Each text ends in NUL.
  explicit WantedTexts(std::string texts);

  // Each function returns the indices of the texts that it found, in the order of the data, and adds all words of the data to
  // the filter, which may be null.
  std::vector<uint32_t> findWords(std::string_view data, uint8_t* filter) const;
  std::vector<uint32_t> findCommands(std::string_view data, uint8_t* filter) const;
  std::vector<uint32_t> findPaths(std::string_view data, uint8_t* filter) const;
  // The texts, of two bytes and more, with which strings end. Of several at one end only the longest is found there.
  std::vector<uint32_t> findEnds(std::string_view data) const;
  // The texts that the data of the filter may contain, in their own order.
  std::vector<uint32_t> possibleIn(const uint8_t* filter) const;

 private:
  class Search;

  const std::string bytes_;
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, uint32_t> indices_;
  // By the low 16 bits of each text's hash, and by its last two bytes: a quick test that excludes most of millions of words.
  std::vector<bool> sieve_, tailSieve_;
  // The lengths of the texts, longest first.
  std::vector<size_t> lengths_;
};

}  // namespace uchroot
