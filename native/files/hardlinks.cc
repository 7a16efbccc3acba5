// Keeps hard links when a tree is copied; see hardlinks.h.

#include "hardlinks.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>

#include "treewalk.h"

namespace uchroot {

HardLinks::Outcome HardLinks::link(const struct stat& status, int directory, const char* name) {
  const auto found = known_.find({status.st_dev, status.st_ino});
  if (found == known_.end()) return Outcome::kUnknown;
  const std::string number = std::to_string(found->second.number);
  int result = linkat(store_.get(), number.c_str(), directory, name, 0);
  if (result < 0 && errno == EMLINK) {
    // The copy has the maximum number of names, so the extra name becomes this name. The next name gets a new copy.
    result = renameat(store_.get(), number.c_str(), directory, name);
    known_.erase(found);
  } else if (result == 0 && --found->second.left == 0) {
    result = unlinkat(store_.get(), number.c_str(), 0);
    known_.erase(found);
  }
  return result == 0 ? Outcome::kLinked : Outcome::kFailed;
}

bool HardLinks::remember(const struct stat& status, int directory, const char* name) {
  if (store_.get() < 0 && !makeStore()) return false;
  const uint64_t number = next_++;
  if (linkat(directory, name, store_.get(), std::to_string(number).c_str(), 0) < 0) {
    return errno == EPERM || errno == EOPNOTSUPP;  // no hard links on this file system: each name gets its own copy
  }
  known_[{status.st_dev, status.st_ino}] = {number, status.st_nlink - 1};
  return true;
}

bool HardLinks::finish() {
  for (const auto& [key, copy] : known_) {
    if (unlinkat(store_.get(), std::to_string(copy.number).c_str(), 0) < 0) return false;
  }
  return store_.get() < 0 || unlinkat(root_, name_.c_str(), AT_REMOVEDIR) == 0;
}

bool HardLinks::makeStore() {
  uint64_t random = 0;
  // The source can contain any name, but it cannot have predicted a random one.
  if (getrandom(&random, sizeof random, 0) < 0) return false;
  name_ = ".uchroot-links-" + std::to_string(random);
  if (mkdirat(root_, name_.c_str(), 0700) < 0) return false;
  store_.reset(openEntry(root_, name_.c_str(), O_RDONLY | O_DIRECTORY));
  return store_.get() >= 0;
}

}  // namespace uchroot
