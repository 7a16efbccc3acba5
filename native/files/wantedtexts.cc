#include "wantedtexts.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace uchroot {
namespace {

constexpr size_t kLow = 0xffff;
constexpr size_t kMaxPath = 4096;  // PATH_MAX of limits.h

using Table = std::array<bool, 256>;

constexpr Table tableOf(std::string_view bytes) {
  Table table{};
  for (const char byte : bytes) table[static_cast<uint8_t>(byte)] = true;
  return table;
}

using namespace std::string_view_literals;
constexpr Table kInWord = tableOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.");
// Around the name of a command in a string. Before blanks, fewer characters can begin a command.
constexpr Table kBefore = tableOf("\0\n/\"'`({;|&:,"sv);
constexpr Table kBeforeBlanks = tableOf("\0\n{;|&"sv);
constexpr Table kAfter = tableOf("\0\n \t\"'`)};|&<>"sv);

uint32_t nextHash(uint32_t hash, char byte) { return hash * 31 + static_cast<uint8_t>(byte); }

uint32_t hashOf(std::string_view text) {
  uint32_t hash = 0;
  for (const char byte : text) hash = nextHash(hash, byte);
  return hash;
}

size_t tailOf(std::string_view text) {
  return static_cast<size_t>(static_cast<uint8_t>(text[text.size() - 2]) << 8 | static_cast<uint8_t>(text.back()));
}

bool isJoint(char byte) { return byte == '-' || byte == '_' || byte == '.'; }

// The byte at an index; NUL outside of the data.
char byteAt(std::string_view data, size_t at) { return at < data.size() ? data[at] : '\0'; }

bool isIn(const Table& table, char byte) { return table[static_cast<uint8_t>(byte)]; }

// Whether the word from `start` to `end` stands where a command would.
bool isCommand(std::string_view data, size_t start, size_t end) {
  if (!isIn(kAfter, byteAt(data, end))) return false;
  size_t before = start;  // the index after the byte that is looked at
  while (before > 0 && (data[before - 1] == ' ' || data[before - 1] == '\t')) before--;
  if (before == start) return isIn(kBefore, byteAt(data, before - 1));
  // "exec gcc -shared": gcc replaces the shell.
  if (data.substr(0, before).ends_with("exec")) before -= 4;
  return isIn(kBeforeBlanks, byteAt(data, before - 1));
}

}  // namespace

// One search for all wanted texts in the data of a file.
class WantedTexts::Search {
 public:
  Search(const WantedTexts& wanted, std::string_view data) : wanted_(wanted), data_(data), isFound_(wanted.texts_.size()) {}

  std::vector<uint32_t> words() {
    eachWord([&](size_t start, size_t end, uint32_t hash) { add(start, end, hash); });
    return std::move(found_);
  }

  std::vector<uint32_t> commands() {
    eachWord([&](size_t start, size_t end, uint32_t hash) {
      if (passes(hash) && isCommand(data_, start, end)) add(start, end, hash);
      if (byteAt(data_, end) == '\0' && end - start >= 3) tails(start, end);
    });
    return std::move(found_);
  }

  std::vector<uint32_t> paths() {
    for (size_t start = data_.find('/'); start < data_.size();) {
      size_t end = start + 1;
      while (end < data_.size() && (isIn(kInWord, data_[end]) || data_[end] == '/')) end++;
      const bool isAbsolute = start == 0 || !isIn(kInWord, data_[start - 1]);
      if (isAbsolute && end - start <= kMaxPath) prefixes(start, end);
      start = data_.find('/', end);
    }
    return std::move(found_);
  }

  std::vector<uint32_t> ends() {
    for (size_t end = 2; end < data_.size(); end++) {
      if (data_[end] == '\0' && wanted_.tailSieve_[tailOf(data_.substr(0, end))]) addLongest(end);
    }
    return std::move(found_);
  }

 private:
  void addLongest(size_t end) {
    for (const size_t length : wanted_.lengths_) {
      if (length <= end && addText(data_.substr(end - length, length))) return;
    }
  }

  template <typename Use>
  void eachWord(Use use) {
    const size_t size = data_.size();
    for (size_t at = 0; at < size; at++) {
      if (!isInWord(at)) continue;
      const size_t start = at;
      uint32_t hash = 0;
      for (; at < size && isInWord(at); at++) hash = nextHash(hash, data_[at]);
      use(start, at, hash);
    }
  }

  // A dot belongs to a word only if another character of it follows.
  bool isInWord(size_t at) const {
    return isIn(kInWord, data_[at]) && (data_[at] != '.' || isIn(kInWord, byteAt(data_, at + 1)));
  }

  // The linker stores "ld" as the end of "collect-ld" (SHF_MERGE and SHF_STRINGS, elf(5)). "splain" in "explain" is chance.
  void tails(size_t start, size_t end) {
    if (end >= data_.size() || !wanted_.tailSieve_[tailOf(data_.substr(start, end - start))]) return;
    addText(data_.substr(start, end - start));
    for (size_t at = start; at + 1 < end; at++) {
      if (!isJoint(data_[at])) continue;
      const std::string_view tail = data_.substr(at + 1, end - at - 1);
      if (tail.size() >= 2) addText(tail);
    }
  }

  // A path, after each of its parent directories.
  void prefixes(size_t start, size_t end) {
    uint32_t hash = 0, before = 0;
    for (size_t at = start; at < end; at++) {
      if (data_[at] == '/' && at > start) add(start, at, hash);
      before = hash;
      hash = nextHash(hash, data_[at]);
    }
    add(start, end, hash);
    // A dot may end a sentence.
    if (data_[end - 1] == '.') add(start, end - 1, before);
  }

  bool passes(uint32_t hash) const { return wanted_.sieve_[hash & kLow]; }

  void add(size_t start, size_t end, uint32_t hash) {
    if (passes(hash)) addText(data_.substr(start, end - start));
  }

  // False if the text is not wanted.
  bool addText(std::string_view text) {
    const auto index = wanted_.indices_.find(text);
    if (index == wanted_.indices_.end()) return false;
    if (!isFound_[index->second]) found_.push_back(index->second);
    isFound_[index->second] = true;
    return true;
  }

  const WantedTexts& wanted_;
  const std::string_view data_;
  std::vector<bool> isFound_;
  std::vector<uint32_t> found_;
};

WantedTexts::WantedTexts(std::string texts) : bytes_(std::move(texts)), sieve_(kLow + 1), tailSieve_(kLow + 1) {
  for (size_t at = 0, end; at < bytes_.size(); at = end + 1) {
    end = bytes_.find('\0', at);
    const std::string_view text = std::string_view(bytes_).substr(at, end - at);
    indices_.emplace(text, static_cast<uint32_t>(texts_.size()));
    texts_.push_back(text);
    sieve_[hashOf(text) & kLow] = true;
    if (text.size() < 2) continue;
    tailSieve_[tailOf(text)] = true;
    lengths_.push_back(text.size());
  }
  std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

std::vector<uint32_t> WantedTexts::findWords(std::string_view data) const { return Search(*this, data).words(); }

std::vector<uint32_t> WantedTexts::findCommands(std::string_view data) const { return Search(*this, data).commands(); }

std::vector<uint32_t> WantedTexts::findPaths(std::string_view data) const { return Search(*this, data).paths(); }

std::vector<uint32_t> WantedTexts::findEnds(std::string_view data) const { return Search(*this, data).ends(); }

}  // namespace uchroot
