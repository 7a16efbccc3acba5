// Takes a file back that a launch has written before it gave up root's rights, if the launch fails then.
#pragma once

#include <stdint.h>

namespace uchroot {

// A file by its name in a directory, and by its descriptor: nothing else of that name is removed. On a thread, which has the
// rights that this process had when it was started, since each thread has its own (credentials(7)). execve ends it.
struct Removal {
  int directory;
  int file;
  const char* name;
  uint32_t state = 0;
  bool hasThread = false;
};

constexpr uint32_t kRemovalStackBytes = 8192;

// `stackEnd`: the end of that much memory, a multiple of 16. Without a thread, which the system may refuse, the file is removed by
// whoever asks for it.
void startRemoval(Removal* removal, void* stackEnd);

// Removes the file, or empties it if that cannot be.
void takeBack(Removal* removal);

}  // namespace uchroot
