// The content of one regular file for another: shared, copied by the kernel, or by hand, holes staying holes.
#pragma once

#include <sys/stat.h>

#include <vector>

#include "tree.h"

namespace uchroot {

class ContentCopier {
 public:
  explicit ContentCopier(TreeProgress& progress) : progress_(progress) {}
  // From a file into an empty one, as much as `status` says there is, or less if it has shrunk. False with errno:
  // ECANCELED if it was aborted.
  bool copy(int source, int target, const struct stat& status);
  // All that can be read, whatever size the file says that it has.
  bool copyToEnd(int source, int target);
  // After a failure: the call, and whether it was the target's.
  const char* call() const { return call_; }
  bool inTarget() const { return inTarget_; }

 private:
  bool copySparse(int source, int target, off_t size);
  bool copyRange(int source, int target, off_t from, off_t to);
  bool copyByHand(int source, int target, off_t from, off_t to);
  bool fail(const char* call, bool inTarget);

  TreeProgress& progress_;
  std::vector<char> buffer_;
  // Until these two file systems have shown that they cannot.
  bool shares_ = true;
  bool copiesInKernel_ = true;
  const char* call_ = "";
  bool inTarget_ = false;
};

}  // namespace uchroot
