// Which mount something lies on: what is bound from the same file system has the same st_dev, but not this.
#pragma once

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>

namespace uchroot {

// Of what has this name in a directory, itself even if it is a link. False, and errno, if it cannot be told (statx(2)).
inline bool mountIdAt(int directory, const char* name, int flags, uint64_t& id) {
  struct statx status = {};
  const int how = flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  if (statx(directory, name, how, STATX_MNT_ID, &status) < 0) return false;
  id = status.stx_mnt_id;
  // before Linux 5.8: 0 for everything, as if nothing were ever mounted
  if ((status.stx_mask & STATX_MNT_ID) != 0) return true;
  errno = EOPNOTSUPP;
  return false;
}

inline bool mountIdOf(int fd, uint64_t& id) {
  return mountIdAt(fd, "", AT_EMPTY_PATH, id);
}

}  // namespace uchroot
