// A namespace that a thread makes for launches to come.

#include "newspace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

namespace uchroot {

int newSpaceOfThread(int kind, const char* path) {
  struct stat before, now;
  if (stat(path, &before) < 0 || unshare(kind) < 0) return -1;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  // A seccomp filter can make unshare return 0 without an effect. The host's namespace must not be changed.
  if (fstat(fd, &now) == 0 && now.st_ino != before.st_ino) return fd;
  close(fd);
  return -1;
}

}  // namespace uchroot
