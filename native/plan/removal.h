// Removes a pid file that a launch wrote as root, if the launch fails after it has dropped root's rights.
#pragma once

#include <stdint.h>

namespace uchroot {

// A file, identified by directory, name and descriptor: another file of that name is not removed. A thread does it. The thread
// keeps the rights that the process had when the thread started, because each thread has its own credentials (credentials(7)).
// execve ends the thread.
struct Removal {
  int directory;
  int file;
  const char* name;
  uint32_t state = 0;
  bool hasThread = false;
};

constexpr uint32_t kRemovalStackBytes = 8192;

// `stackEnd`: the end of kRemovalStackBytes bytes, a multiple of 16. If no thread can be started, takeBack() removes the file
// itself.
void startRemoval(Removal* removal, void* stackEnd);

// Removes the file, or empties it if it cannot be removed.
void takeBack(Removal* removal);

}  // namespace uchroot
