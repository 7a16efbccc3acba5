// Copies the content of a regular file; see content.h.

#include "content.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace uchroot {
namespace {

// Large enough that the calls take no time, small enough that an abort takes effect soon.
constexpr size_t kKernelBytes = 1 << 24;
constexpr size_t kBufferBytes = 1 << 18;

}  // namespace

bool ContentCopier::fail(const char* call, bool inTarget) {
  call_ = call;
  inTarget_ = inTarget;
  return false;
}

// A compressed file looks sparse too, and may be copied like one. stat(2): blocks have 512 bytes.
static bool isSparse(const struct stat& status) { return status.st_blocks < status.st_size / 512; }

bool ContentCopier::copy(int source, int target, const struct stat& status) {
  const off_t size = status.st_size;
  const uint64_t before = progress_.sizeBytes;
  const bool copied = size == 0 || shareBlocks(source, target) ||
                      (isSparse(status) ? copySparse(source, target, size) : copyRange(source, target, 0, size));
  progress_.sizeBytes = before + static_cast<uint64_t>(size);
  return copied;
}

// The files share their blocks until one is written (ioctl_ficlone(2)). Any error is ignored here: a real one occurs again when
// the content is copied.
bool ContentCopier::shareBlocks(int source, int target) {
  if (!shares_) return false;
  const bool shared = ioctl(target, FICLONE, source) == 0;
  shares_ = shared || (errno != EOPNOTSUPP && errno != ENOTTY && errno != EXDEV && errno != ENOSYS);
  return shared;
}

bool ContentCopier::copyHashed(int source, int target, const struct stat& status, uint8_t* hash) {
  const off_t size = status.st_size;
  // A second read, of blocks that are shared or of holes, costs less than to give up either.
  if (size > 0 && shareBlocks(source, target)) return hashFile(target, buffer_, hash) >= 0 || fail("read", true);
  if (isSparse(status)) {
    return copySparse(source, target, size) && (hashFile(target, buffer_, hash) >= 0 || fail("read", true));
  }
  Sha256 sum(fastestSha256());
  // A file of /proc has size 0.
  const off_t end = size == 0 ? std::numeric_limits<off_t>::max() : size;
  if (!copyByHand(source, target, 0, end, &sum)) return false;
  sum.finish(hash);
  return true;
}

off_t hashFile(int fd, std::vector<char>& buffer, uint8_t* hash) {
  buffer.resize(kBufferBytes);
  Sha256 sum(fastestSha256());
  off_t at = 0;
  for (;;) {
    const ssize_t size = pread(fd, buffer.data(), buffer.size(), at);
    if (size < 0) return -1;
    if (size == 0) break;
    sum.update(buffer.data(), static_cast<size_t>(size));
    at += size;
  }
  sum.finish(hash);
  return at;
}

bool ContentCopier::copyToEnd(int source, int target) {
  return copyByHand(source, target, 0, std::numeric_limits<off_t>::max());
}

bool ContentCopier::copySparse(int source, int target, off_t size) {
  for (off_t at = 0; at < size;) {
    const off_t data = lseek(source, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return copyRange(source, target, at, size);  // the file system does not support holes
    off_t hole = lseek(source, data, SEEK_HOLE);
    if (hole < 0 || hole > size) hole = size;
    if (!copyRange(source, target, data, hole)) return false;
    // It has shrunk. A file of /sys is as large as a page, has no blocks, and ends after a line.
    if (end_ < hole) return true;
    at = std::max(hole, at + 1);
  }
  return ftruncate(target, size) == 0 || fail("ftruncate", true);
}

bool ContentCopier::copyRange(int source, int target, off_t from, off_t to) {
  while (copiesInKernel_ && from < to) {
    if (progress_.aborted) {
      errno = ECANCELED;
      return fail("copy_file_range", false);
    }
    off_t in = from;
    off_t out = from;
    const size_t wanted = std::min(kKernelBytes, static_cast<size_t>(to - from));
    const ssize_t count = copy_file_range(source, &in, target, &out, wanted, 0);
    // 0 before the expected end: the file has shrunk, or its file system reports wrong sizes.
    if (count == 0) break;
    if (count < 0) {
      // For any other error, the plain calls that follow fail too and report it.
      copiesInKernel_ = errno != EXDEV && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM;
      break;
    }
    from += count;
    progress_.sizeBytes += static_cast<uint64_t>(count);
  }
  return copyByHand(source, target, from, to);
}

bool ContentCopier::copyByHand(int source, int target, off_t from, off_t to, Sha256* hash) {
  if (from < to) buffer_.resize(kBufferBytes);
  while (from < to) {
    if (progress_.aborted) {
      errno = ECANCELED;
      return fail("read", false);
    }
    const size_t wanted = std::min(kBufferBytes, static_cast<size_t>(to - from));
    const ssize_t size = pread(source, buffer_.data(), wanted, from);
    if (size < 0) return fail("read", false);
    if (size == 0) break;
    for (ssize_t done = 0; done < size;) {
      const size_t rest = static_cast<size_t>(size - done);
      const ssize_t written = pwrite(target, buffer_.data() + done, rest, from + done);
      if (written < 0) return fail("write", true);
      done += written;
    }
    if (hash != nullptr) hash->update(buffer_.data(), static_cast<size_t>(size));
    from += size;
    progress_.sizeBytes += static_cast<uint64_t>(size);
  }
  end_ = from;
  return true;
}

}  // namespace uchroot
