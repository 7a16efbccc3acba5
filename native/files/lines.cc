#include "lines.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace uchroot {
namespace {

// dpkg's name for the root directory.
constexpr std::string_view kRoot = "/.";

bool isBelow(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// A path with only one name on every system, and no component that is empty or begins with a dot. lib/jail/dpkg/file-lists.ts knows
// what becomes of all others.
bool isPlain(std::string_view path) {
  const bool isKnown = isBelow(path, "/usr") || isBelow(path, "/etc") || isBelow(path, "/var") || isBelow(path, "/opt");
  if (!isKnown || isBelow(path, "/var/run") || isBelow(path, "/var/lock") || path.back() == '/') return false;
  for (size_t at = 1; at < path.size(); at++) {
    if (path[at] == '\0' || (path[at - 1] == '/' && (path[at] == '/' || path[at] == '.'))) return false;
  }
  return true;
}

}  // namespace

void Lines::add(std::string_view text) {
  const auto number = static_cast<uint32_t>(isAside_.size());
  // Without the last newline, the last line may have been cut.
  isAside_.push_back(!text.empty() && text.back() != '\n');
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines_.push_back({bytes_.size() + start, static_cast<uint32_t>(end - start), number, 0});
    start = end + 1;
  }
  bytes_ += text;
}

void Lines::addMissing() { isAside_.push_back(true); }

void Lines::finish() {
  table_.assign(std::bit_ceil(2 * lines_.size() + 1), 0);
  for (uint32_t at = 0; at < lines_.size(); at++) {
    uint32_t& last = table_[slotOf(textOf(lines_[at]))];
    lines_[at].previous = last;
    last = at + 1;
  }
}

// The slot of a line, or the free one where it would be.
size_t Lines::slotOf(std::string_view line) const {
  const size_t mask = table_.size() - 1;
  size_t slot = std::hash<std::string_view>()(line) & mask;
  while (table_[slot] != 0 && textOf(lines_[table_[slot] - 1]) != line) slot = (slot + 1) & mask;
  return slot;
}

std::vector<uint32_t> Lines::find(std::string_view line) const {
  std::vector<uint32_t> found;
  for (uint32_t at = table_[slotOf(line)]; at != 0; at = lines_[at - 1].previous) {
    if (!isAside_[lines_[at - 1].text]) found.push_back(lines_[at - 1].text);
  }
  std::ranges::reverse(found);
  return found;
}

void Lines::setAside(std::string_view line) {
  for (const uint32_t text : find(line)) isAside_[text] = true;
}

void Lines::setOddAside() {
  for (const Line& line : lines_) {
    if (!isAside_[line.text] && textOf(line) != kRoot && !isPlain(textOf(line))) isAside_[line.text] = true;
  }
}

std::vector<uint32_t> Lines::aside() const {
  std::vector<uint32_t> found;
  for (uint32_t text = 0; text < isAside_.size(); text++) {
    if (isAside_[text]) found.push_back(text);
  }
  return found;
}

}  // namespace uchroot
