// The mount namespace from which isolated launches start.

#include "seed.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "newspace.h"

namespace uchroot {
namespace {

int makeSeed() {
  constexpr char kPath[] = "/proc/thread-self/ns/mnt";
  if (!enterNewSpace(CLONE_NEWNS, kPath)) return -1;
  const int fd = open(kPath, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat host, own, top;
  // Nothing of this may reach the host. Then an empty file system takes the place of all others (pivot_root(2)). Launches leave it
  // beneath their jails, so it must not be the host's: a seccomp filter can answer for all of these calls, and in a service that
  // chroot(2) has confined pivot_root leaves the host in the namespace, above the service's root directory. Setns leads there.
  const bool isMade = stat("/", &host) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      mount("uchroot", "/", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=4,mode=755") == 0 &&
                      chdir("/..") == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0 &&
                      stat("/", &own) == 0 && own.st_dev != host.st_dev && setns(fd, CLONE_NEWNS) == 0 &&
                      stat("/", &top) == 0 && top.st_dev == own.st_dev;
  if (isMade) return fd;
  close(fd);
  return -1;
}

void* seedMain(void* result) {
  *static_cast<int*>(result) = makeSeed();
  return nullptr;
}

int seedFromThread() {
  int fd = -1;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, seedMain, &fd) != 0) return -1;
  (void)pthread_join(thread, nullptr);
  return fd;
}

}  // namespace

int mountSeed() {
  static const int fd = seedFromThread();
  return fd;
}

}  // namespace uchroot
