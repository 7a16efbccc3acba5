// Keeps hard links when a tree is copied: all names of one inode become names of one copy.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "descriptor.h"

namespace uchroot {

// The first copy of an inode gets an extra name in a private directory of the target. Its other names are linked from there, so
// no path has to be known and no descriptor stays open.
class HardLinks {
 public:
  enum class Outcome { kUnknown, kLinked, kFailed };

  // `root` is the root of the target. It stays open.
  explicit HardLinks(int root) : root_(root) {}

  // Links `name` to the copy of this inode, if there is one. kFailed sets errno.
  Outcome link(const struct stat& status, int directory, const char* name);

  // Called after the first name of a copy was made. False with errno.
  bool remember(const struct stat& status, int directory, const char* name);

  // Removes the private directory. False with errno.
  bool finish();

 private:
  struct Key {
    dev_t dev;
    ino_t ino;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return key.ino * 31 + key.dev; }
  };
  struct Copy {
    uint64_t number;
    nlink_t left;  // names that were not found yet
  };

  bool makeStore();

  int root_;
  Descriptor store_;
  std::string name_;
  uint64_t next_ = 0;
  std::unordered_map<Key, Copy, Hash> known_;
};

}  // namespace uchroot
