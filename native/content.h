// The content of one regular file, into another.
#pragma once

#include <atomic>

#include <sys/stat.h>

namespace uchroot {

// How much help file systems give: what was refused once between two of them is not tried again for each file.
struct CopyMeans {
  bool clone = true;      // FICLONE
  bool in_kernel = true;  // copy_file_range
  const std::atomic<bool>* aborted = nullptr;  // ECANCELED once it is true
};

// Copies all of an open file into an empty one, sharing blocks where the file system can, with its holes. False, and errno,
// if that fails.
bool copyContent(int source, int target, const struct stat& status, CopyMeans& means);

}  // namespace uchroot
