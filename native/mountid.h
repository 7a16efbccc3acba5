// Which mount a descriptor lies on: what is bound from the same file system has the same st_dev, but not this.
#pragma once

#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>

namespace uchroot {

// False, and errno, if it cannot be told (statx(2), STATX_MNT_ID: Linux 5.8).
inline bool mountIdOf(int fd, uint64_t& id) {
  struct statx status = {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status) < 0) return false;
  id = status.stx_mnt_id;
  return true;
}

}  // namespace uchroot
