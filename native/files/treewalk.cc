// Shared parts of the walks through hostile trees; see treewalk.h.

#include "treewalk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace uchroot {
namespace {

// Open directories of one trail, without the root. Two trails stay far below a soft limit of 1024.
constexpr size_t kOpenPlaces = 32;

constexpr size_t kListingBytes = 1 << 17;

// getdents64(2)
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  unsigned char type;
  char name[1];
};

bool isDots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

struct stat statusOf(int fd) {
  struct stat status = {};
  // If fstat fails, the identity matches nothing: no file system uses inode 0.
  if (fstat(fd, &status) < 0) status = {};
  return status;
}

}  // namespace

int openEntry(int directory, const char* name, int flags) {
  // O_NONBLOCK: otherwise a fifo in the place of a file would wait for a writer, and a file with a lease for its holder.
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, directory, name, &how, sizeof how));
}

bool isSame(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_ino != 0;
}

Listing::Listing() : buffer_(kListingBytes) {}

const std::vector<Listing::Entry>& Listing::next(int directory) {
  for (;;) {
    entries_.clear();
    const long size = syscall(SYS_getdents64, directory, buffer_.data(), buffer_.size());
    failed_ = size < 0;
    if (size <= 0) return entries_;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer_.data() + at);
      if (!isDots(entry->name)) entries_.push_back({entry->inode, entry->type, entry->name});
      at += entry->size;
    }
    // A directory may list names in hash order. Inode order is closer to the order on disk.
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.inode < b.inode; });
    if (!entries_.empty()) return entries_;
  }
}

Trail::Trail(int root) { places_.push_back({root, statusOf(root), ""}); }

Trail::~Trail() {
  for (const Place& place : places_) {
    if (place.fd >= 0) close(place.fd);
  }
}

void Trail::enter(int directory, const char* name) {
  places_.push_back({directory, statusOf(directory), name});
  if (depth() <= kOpenPlaces) return;
  int& far = places_[depth() - kOpenPlaces].fd;
  if (far >= 0) close(far);
  far = -1;
}

void Trail::leave() {
  const int child = places_.back().fd;
  places_.pop_back();
  if (here() < 0) places_.back().fd = reopen(child);
  if (child >= 0) close(child);
}

int Trail::reopen(int child) const {
  constexpr int flags = O_RDONLY | O_DIRECTORY;
  if (child >= 0) {
    const int parent = openEntry(child, "..", flags);
    if (parent >= 0 && isSame(statusOf(parent), places_.back().status)) return parent;
    if (parent >= 0) close(parent);
  }
  // The child was moved. Its former parent may still be in place.
  int fd = places_.front().fd;
  for (size_t i = 1; i < places_.size(); i++) {
    const int next = openEntry(fd, places_[i].name.c_str(), flags);
    if (i > 1) close(fd);
    if (next < 0) return -1;
    fd = next;
    if (isSame(statusOf(fd), places_[i].status)) continue;
    close(fd);
    return -1;
  }
  return fd;
}

std::string Trail::pathOf(const char* name) const {
  std::string path;
  for (size_t i = 1; i < places_.size(); i++) path += "/" + places_[i].name;
  if (*name != '\0' || path.empty()) path += std::string("/") + name;
  return path;
}

const char* Pending::take() {
  const char* name = names_.c_str() + next_;
  next_ += std::strlen(name) + 1;
  return name;
}

void Pending::clear() {
  names_.clear();
  names_.shrink_to_fit();
  next_ = 0;
}

}  // namespace uchroot
