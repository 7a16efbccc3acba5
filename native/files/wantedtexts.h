// Finds names of programs, and paths, in the bytes of other programs. lib/jail/dpkg/scan-names.ts says what counts as found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace uchroot {

class WantedTexts {
 public:
  // Each text ends in NUL.
  explicit WantedTexts(std::string texts);

  // Each function returns the indices of the texts that it found, in the order of the data.
  std::vector<uint32_t> findWords(std::string_view data) const;
  std::vector<uint32_t> findCommands(std::string_view data) const;
  std::vector<uint32_t> findPaths(std::string_view data) const;
  // The texts, of two bytes and more, with which strings end. Of several at one end only the longest is found there.
  std::vector<uint32_t> findEnds(std::string_view data) const;

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
