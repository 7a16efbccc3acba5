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
  // Closes the descriptor that it had. Writes are checked where they are made, so close has nothing to report.
  void reset(int fd) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  // The caller closes the descriptor from here on.
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Closes a descriptor unless it is -1, which says that somebody else has taken it.
inline void closeIfOpen(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace uchroot
