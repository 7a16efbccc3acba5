// Reads a directory tree in batches; see treescan.h. It works by descriptor, opens only regular files and directories, and enters
// no other mount.

#include "treescan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attributes.h"
#include "milliseconds.h"
#include "way.h"

namespace uchroot {
namespace {

// One descriptor for each level. Ordinary trees are not this deep.
constexpr size_t maxDepth = 1000;
constexpr size_t batchBytes = 1 << 20;
// A private key must start within this many bytes of a file.
constexpr size_t headBytes = 4096;

enum Flag : uint32_t {
  hasCapabilities = 1,
  hasAcl = 2,
  isMounted = 4,
  isElf = 8,
  isScript = 16,
  isKey = 32,
  isRead = 64,
  hasLooseDefault = 128,
};

// The file type that the first bytes show.
uint32_t kindOf(std::string_view start) {
  uint32_t flags = 0;
  if (start.starts_with("\x7f" "ELF")) flags |= isElf;
  if (start.starts_with("#!")) flags |= isScript;
  // RFC 7468, section 10; a certificate can come first.
  const size_t key = start.find("PRIVATE KEY-----");
  if (key != std::string_view::npos && start.substr(0, key).rfind("-----BEGIN ") != std::string_view::npos) flags |= isKey;
  return flags;
}

constexpr unsigned wantedStatus = STATX_BASIC_STATS | STATX_MNT_ID;

bool statusAt(int directory, const char* name, int flags, struct statx& status) {
  return statx(directory, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, wantedStatus, &status) == 0;
}

Record recordOf(const struct statx& status) {
  Record record = {};
  record.mode = status.stx_mode;
  record.uid = status.stx_uid;
  record.gid = status.stx_gid;
  record.nlink = status.stx_nlink;
  record.inodeLow = static_cast<uint32_t>(status.stx_ino);
  record.inodeHigh = static_cast<uint32_t>(status.stx_ino >> 32);
  record.major = status.stx_rdev_major;
  record.minor = status.stx_rdev_minor;
  record.index = UINT32_MAX;
  record.sizeBytes = static_cast<double>(status.stx_size);
  record.mtimeMs = millisecondsOf(status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec);
  return record;
}

}  // namespace

Scan::Scan(int root, std::string paths, std::vector<double> sizes) : root_(root), paths_(std::move(paths)) {
  wanted_.reserve(sizes.size());
  size_t at = 0;
  for (uint32_t i = 0; i < sizes.size() && at < paths_.size(); i++) {
    const std::string_view path(paths_.c_str() + at);
    wanted_.emplace(path, Wanted{i, sizes[i]});
    at += path.size() + 1;
  }
}

void Scan::close() {
  for (const Level& level : levels_) closedir(level.directory);
  levels_.clear();
  reading_.fd.reset(-1);
  reading_.isOpen = false;
  // not when the garbage collector finds the scan: a jail with an open directory is in use
  root_.reset(-1);
}

void Scan::emit(const Record& record, std::string_view target) {
  Record whole = record;
  whole.pathSize = static_cast<uint32_t>(path_.size());
  whole.targetSize = static_cast<uint32_t>(target.size());
  whole.depth = static_cast<uint32_t>(levels_.size());
  records_->append(reinterpret_cast<const char*>(&whole), sizeof whole);
  records_->append(path_);
  records_->append(target);
  records_->append((8 - records_->size() % 8) % 8, '\0');
}

bool Scan::begin() {
  struct statx status = {};
  Descriptor fd(openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || !statusAt(fd.get(), "", AT_EMPTY_PATH, status)) return false;
  mount_ = status.stx_mnt_id;
  Record record = recordOf(status);
  if (canHaveAcl(record.mode) && hasAccessAcl(fd.get())) record.flags |= hasAcl;
  if (hasLooseDefaultAcl(fd.get())) record.flags |= hasLooseDefault;
  path_ = "/";
  emit(record);
  path_ = "";
  DIR* directory = fdopendir(fd.get());
  if (directory == nullptr) return false;
  fd.release();
  levels_.push_back({directory, 0});
  began_ = true;
  return true;
}

// Reports a directory whose other entries could not be read.
void Scan::emitUnread(int error) {
  Record record = {};
  record.mode = S_IFDIR;
  record.index = UINT32_MAX;
  record.error = static_cast<uint32_t>(error);
  path_.resize(levels_.back().pathSize);
  if (path_.empty()) path_ = "/";
  emit(record);
}

bool Scan::fill(char* content, size_t size, std::string& records, size_t& used) {
  records_ = &records;
  if (!began_ && !begin()) return false;
  while (records.size() < batchBytes && used < size) {
    if (reading_.isOpen) {
      // The first piece of a file must include the bytes that show its type.
      if (reading_.offset == 0 && size - used < headBytes &&
          static_cast<double>(size - used) < reading_.record.sizeBytes) {
        break;
      }
      read(content, size, used);
      continue;
    }
    if (levels_.empty()) break;
    errno = 0;
    const dirent* entry = readdir(levels_.back().directory);
    if (entry == nullptr) {
      if (errno != 0 && errno != ENOENT) emitUnread(errno);
      closedir(levels_.back().directory);
      levels_.pop_back();
      continue;
    }
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) meet(name);
  }
  return true;
}

// Handles one entry. If it has vanished or changed its type since it was listed, it is skipped.
void Scan::meet(const char* name) {
  const int parent = dirfd(levels_.back().directory);
  path_.resize(levels_.back().pathSize);
  path_ += '/';
  path_ += name;
  struct statx status = {};
  if (!statusAt(parent, name, 0, status)) {
    if (errno == ENOENT) return;
    Record record = {};
    record.error = static_cast<uint32_t>(errno);
    record.index = UINT32_MAX;
    emit(record);
    return;
  }
  Record record = recordOf(status);
  const auto wanted = wanted_.find(path_);
  if (wanted != wanted_.end()) record.index = wanted->second.index;
  if (status.stx_mnt_id != mount_) {
    record.flags |= isMounted;
    emit(record);
  } else if (S_ISREG(status.stx_mode)) {
    meetFile(name, record);
  } else if (S_ISLNK(status.stx_mode)) {
    meetLink(name, record);
  } else if (S_ISDIR(status.stx_mode)) {
    enter(name, status, record);
  } else {
    emit(record);
  }
}

// Checked before opening, because opening a device can have effects, and after, because the file can have been exchanged. It
// never waits, not even for the holder of a lease (fcntl(2), F_SETLEASE).
void Scan::meetFile(const char* name, Record& record) {
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
  Descriptor fd(openat(dirfd(levels_.back().directory), name, flags));
  if (fd.get() < 0) {
    if (errno == ENOENT || errno == ELOOP) return;
    record.error = static_cast<uint32_t>(errno);
    emit(record);
    return;
  }
  struct statx status = {};
  if (!statusAt(fd.get(), "", AT_EMPTY_PATH, status) || !S_ISREG(status.stx_mode)) return;
  const uint32_t index = record.index;
  record = recordOf(status);
  record.index = index;
  if (fgetxattr(fd.get(), "security.capability", nullptr, 0) >= 0) record.flags |= hasCapabilities;
  if (canHaveAcl(record.mode) && hasAccessAcl(fd.get())) record.flags |= hasAcl;
  const auto wanted = wanted_.find(path_);
  if (wanted == wanted_.end() || wanted->second.sizeBytes != record.sizeBytes) {
    char head[headBytes];
    const ssize_t count = record.sizeBytes == 0 ? 0 : pread(fd.get(), head, sizeof head, 0);
    if (count < 0) record.error = static_cast<uint32_t>(errno);
    if (count > 0) record.flags |= kindOf({head, static_cast<size_t>(count)});
    emit(record);
    return;
  }
  record.flags |= isRead;
  reading_.fd.reset(fd.release());
  reading_.record = record;
  reading_.offset = 0;
  reading_.isOpen = true;
}

// Puts as much of the file into the batch as fits. The record follows with the last piece. It reads at most the size at the time
// of opening, because the file may be growing.
void Scan::read(char* content, size_t size, size_t& used) {
  Record& record = reading_.record;
  const size_t left = static_cast<size_t>(record.sizeBytes) - static_cast<size_t>(reading_.offset);
  const size_t wanted = left < size - used ? left : size - used;
  const ssize_t count = wanted == 0 ? 0 : pread(reading_.fd.get(), content + used, wanted, reading_.offset);
  if (count < 0 && errno == EINTR) return;
  if (count < 0) record.error = static_cast<uint32_t>(errno);
  if (count > 0) {
    if (reading_.offset == 0) record.flags |= kindOf({content + used, std::min<size_t>(count, headBytes)});
    used += static_cast<size_t>(count);
    reading_.offset += count;
    record.contentSize += static_cast<uint32_t>(count);
  }
  if (count > 0 && static_cast<size_t>(count) < left) {
    if (used == size) record.contentSize = 0;  // the rest starts in the next batch
    return;
  }
  emit(record);
  reading_.fd.reset(-1);
  reading_.isOpen = false;
}

void Scan::meetLink(const char* name, Record& record) {
  char target[4097];  // at most a page (symlink(7)), and one byte to detect a truncated one
  const ssize_t size = readlinkat(dirfd(levels_.back().directory), name, target, sizeof target);
  if (size < 0) {
    if (errno == ENOENT || errno == EINVAL) return;
    record.error = static_cast<uint32_t>(errno);
  }
  emit(record, {target, size < 0 ? 0 : static_cast<size_t>(size)});
}

void Scan::enter(const char* name, const struct statx& seen, Record& record) {
  if (levels_.size() > maxDepth) {
    record.error = ENAMETOOLONG;
    emit(record);
    return;
  }
  Descriptor fd(openat(dirfd(levels_.back().directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return;
    record.error = static_cast<uint32_t>(errno);
    emit(record);
    return;
  }
  struct statx status = {};
  if (!statusAt(fd.get(), "", AT_EMPTY_PATH, status)) return;
  if (status.stx_mnt_id != mount_) {
    record.flags |= isMounted;
    emit(record);
    return;
  }
  if (status.stx_ino != seen.stx_ino) {
    const uint32_t index = record.index;
    record = recordOf(status);
    record.index = index;
  }
  if (canHaveAcl(record.mode) && hasAccessAcl(fd.get())) record.flags |= hasAcl;
  if (hasLooseDefaultAcl(fd.get())) record.flags |= hasLooseDefault;
  DIR* directory = fdopendir(fd.get());
  if (directory == nullptr) {
    record.error = static_cast<uint32_t>(errno);
    emit(record);
    return;
  }
  emit(record);
  fd.release();
  levels_.push_back({directory, path_.size()});
}

}  // namespace uchroot
