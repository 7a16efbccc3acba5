// The content of one regular file, into another; see content.h.

#include "content.h"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace uchroot {
namespace {

// In one call, so that an abort need not wait for a whole file.
constexpr off_t maxChunk = 64 << 20;

bool isAborted(const CopyMeans& means) {
  if (means.aborted == nullptr || !*means.aborted) return false;
  errno = ECANCELED;
  return true;
}

bool writeAt(int fd, const char* data, size_t size, off_t offset) {
  while (size > 0) {
    const ssize_t written = pwrite(fd, data, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    data += written;
    size -= static_cast<size_t>(written);
    offset += written;
  }
  return true;
}

// The plain way, for file systems between which the kernel does not copy; to the end of the file if `end` is negative.
bool copyByHand(int source, int target, off_t from, off_t end, const CopyMeans& means) {
  std::vector<char> buffer(1 << 18);
  while (end < 0 || from < end) {
    if (isAborted(means)) return false;
    const size_t room = buffer.size();
    const size_t wanted = end < 0 || end - from > static_cast<off_t>(room) ? room : static_cast<size_t>(end - from);
    const ssize_t size = pread(source, buffer.data(), wanted, from);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return size == 0;
    if (!writeAt(target, buffer.data(), static_cast<size_t>(size), from)) return false;
    from += size;
  }
  return true;
}

bool copyRange(int source, int target, off_t from, off_t end, CopyMeans& means) {
  off_t to = from;
  while (means.in_kernel && from < end) {
    if (isAborted(means)) return false;
    const size_t wanted = static_cast<size_t>(end - from < maxChunk ? end - from : maxChunk);
    const ssize_t count = copy_file_range(source, &from, target, &to, wanted, 0);
    if (count < 0 && errno == EINTR) continue;
    // EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM by a seccomp filter: by hand, which tells real errors too.
    if (count < 0) means.in_kernel = false;
    // 0 although there is more: /proc and some network file systems.
    if (count <= 0) break;
  }
  return from >= end || copyByHand(source, target, from, end, means);
}

// Only what is not a hole (lseek(2)).
bool copySparse(int source, int target, off_t size, CopyMeans& means) {
  if (ftruncate(target, size) < 0) return false;
  for (off_t at = 0; at < size;) {
    const off_t data = lseek(source, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return true;  // a hole to the end
    if (data < 0) return copyRange(source, target, at, size, means);
    const off_t hole = lseek(source, data, SEEK_HOLE);
    if (hole < 0) return false;
    if (!copyRange(source, target, data, hole < size ? hole : size, means)) return false;
    at = hole;
  }
  return true;
}

}  // namespace

bool copyContent(int source, int target, const struct stat& status, CopyMeans& means) {
  const off_t size = status.st_size;
  // A file of /proc says that it is empty.
  if (size == 0) return copyByHand(source, target, 0, -1, means);
  // FICLONE shares the blocks until one side writes (ioctl_ficlone(2)); what cannot be shared is copied, so why it failed
  // does not matter: a real error comes again below.
  if (means.clone && ioctl(target, FICLONE, source) == 0) return true;
  if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY) means.clone = false;
  if (status.st_blocks * 512 < size) return copySparse(source, target, size, means);
  return copyRange(source, target, 0, size, means);
}

}  // namespace uchroot
