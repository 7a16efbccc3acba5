// A descriptor that is closed at the end of its scope.
#pragma once

#include <unistd.h>

namespace uchroot {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(-1); }
  int get() const { return fd_; }
  // Closes the previous descriptor. Errors of writes are checked at the writes, so close reports none.
  void reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  // The caller closes the descriptor from now on.
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Closes a descriptor unless it is -1: then it has another owner, or was never open.
inline void closeIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace uchroot
