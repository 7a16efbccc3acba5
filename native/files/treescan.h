// Reads a directory tree whose owner may be hostile: its entries, and the content of selected files.
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "descriptor.h"

namespace uchroot {

// One entry; its path and its link target follow. lib/jail/check/checked-entry.ts reads it.
struct Record {
  uint32_t mode, uid, gid, nlink;
  uint32_t inodeLow, inodeHigh, major, minor;
  uint32_t flags, error, index, depth;
  uint32_t pathSize, targetSize, contentSize, padding;
  double sizeBytes, mtimeMs;
};
static_assert(sizeof(Record) == 80);

// A selected file: its index in the list, and the size that it must have. With another size the content is not read.
struct Wanted {
  uint32_t index;
  double sizeBytes;
};

struct Level {
  DIR* directory;
  size_t pathSize;  // bytes of its path
};

// A file whose content does not fit in the current batch.
struct Reading {
  Descriptor fd{-1};
  Record record{};
  off_t offset = 0;
  bool isOpen = false;
};

class Scan {
 public:
  Scan(int root, std::string paths, std::vector<double> sizes);
  ~Scan() { close(); }
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  // Fills a batch. An empty batch is the end of the scan. False with errno if the top directory cannot be read.
  bool fill(char* content, size_t size, std::string& records, size_t& used);
  void close();

 private:
  bool begin();
  void meet(const char* name);
  void meetFile(const char* name, Record& record);
  void meetLink(const char* name, Record& record);
  void enter(const char* name, const struct statx& seen, Record& record);
  void read(char* content, size_t size, size_t& used);
  void emit(const Record& record, std::string_view target = {});
  void emitUnread(int error);

  Descriptor root_;
  std::string paths_;
  std::unordered_map<std::string_view, Wanted> wanted_;
  std::vector<Level> levels_;
  std::string path_;
  uint64_t mount_ = 0;
  bool began_ = false;
  Reading reading_;
  std::string* records_ = nullptr;
};

}  // namespace uchroot
