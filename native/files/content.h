// Copies the content of a regular file: shared blocks, a copy by the kernel, or read and write. Holes stay holes.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <vector>

#include "sha256.h"
#include "tree.h"

namespace uchroot {

class ContentCopier {
 public:
  explicit ContentCopier(TreeProgress& progress) : progress_(progress) {}
  // Copies a file into an empty one, up to the size in `status`, or less if the file has shrunk. False with errno: ECANCELED if
  // it was aborted.
  bool copy(int source, int target, const struct stat& status);
  // Copies all readable bytes, whatever size the file reports.
  bool copyToEnd(int source, int target);
  // Does the same as one of these two. The hash (Sha256) is that of the written bytes.
  bool copyHashed(int source, int target, const struct stat& status, uint8_t* hash);
  // After a failure: the failed call, and whether it failed on the target.
  const char* call() const { return call_; }
  bool inTarget() const { return inTarget_; }

 private:
  bool copySparse(int source, int target, off_t size);
  // Copies up to `to`, or to the end of the source if that comes before; end_ is where it came to.
  bool copyRange(int source, int target, off_t from, off_t to);
  bool copyByHand(int source, int target, off_t from, off_t to, Sha256* hash = nullptr);
  bool shareBlocks(int source, int target);
  bool fail(const char* call, bool inTarget);

  TreeProgress& progress_;
  std::vector<char> buffer_;
  // True until a copy has shown that these two file systems cannot do it.
  bool shares_ = true;
  bool copiesInKernel_ = true;
  off_t end_ = 0;
  const char* call_ = "";
  bool inTarget_ = false;
};

// The Sha256 of all that can be read of a file. Returns how many bytes that is, or -1 with errno. The buffer is kept for the
// next one.
off_t hashFile(int fd, std::vector<char>& buffer, uint8_t* hash);

}  // namespace uchroot
