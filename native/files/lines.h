// Finds in which texts a line is: the lists of files of all packages hold tens of thousands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace uchroot {

class Lines {
 public:
  // Adds a text; the first one has number 0.
  void add(std::string_view text);
  // Counts a text that is not there, and sets it aside.
  void addMissing();
  // Builds the table. No text can be added after that.
  void finish();

  // The texts that have a line, ascending. Without texts that were set aside.
  std::vector<uint32_t> find(std::string_view line) const;
  // Sets the texts aside that have a line.
  void setAside(std::string_view line);
  // Sets the texts aside that cannot be plain lists of absolute paths below /etc, /opt, /usr and /var.
  void setOddAside();
  // The texts that were set aside, ascending.
  std::vector<uint32_t> aside() const;

 private:
  struct Line {
    size_t start;
    uint32_t size;
    uint32_t text;
    uint32_t previous;  // the number of an equal line, plus 1; 0: there is none
  };

  std::string_view textOf(const Line& line) const { return std::string_view(bytes_).substr(line.start, line.size); }
  size_t slotOf(std::string_view line) const;

  std::string bytes_;
  std::vector<Line> lines_;
  std::vector<uint32_t> table_;  // the last of equal lines, plus 1
  std::vector<bool> isAside_;
};

}  // namespace uchroot
