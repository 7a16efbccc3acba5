// See ready.h. A thread can have a namespace of its own, which lives as long as a descriptor of it is open (namespaces(7)).

#include "ready.h"

#include <atomic>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/pending.h"
#include "../files/descriptor.h"
#include "../plan/steps.h"

namespace uchroot {
namespace {

// Moves this thread into a new namespace of `kind`, whose file in /proc is `path`. A seccomp filter can make unshare return 0 without an
// effect. The host's namespace must not be changed.
bool enterNewSpace(int kind, const char* path) {
  struct stat before, now;
  return stat(path, &before) == 0 && unshare(kind) == 0 && stat(path, &now) == 0 && now.st_ino != before.st_ino;
}

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

int seedFromThread() {
  int fd = -1;
  pthread_t thread;
  const auto main = [](void* result) -> void* {
    *static_cast<int*>(result) = makeSeed();
    return nullptr;
  };
  if (startThread(main, &fd, &thread) != 0) return -1;
  (void)pthread_join(thread, nullptr);
  return fd;
}

std::atomic<int> spareFd = -1;
std::atomic<bool> isBeingMade = false;

int makeNetwork() {
  constexpr char kPath[] = "/proc/thread-self/ns/net";
  if (!enterNewSpace(CLONE_NEWNET, kPath) || raiseLoopback() < 0) return -1;
  return open(kPath, O_RDONLY | O_CLOEXEC);
}

// If this fails, the next launch makes its own namespace, and tells what the kernel says.
void* makerMain(void*) {
  int previous = spareFd.exchange(makeNetwork());
  closeIfOpen(previous);
  isBeingMade = false;
  return nullptr;
}

}  // namespace

int mountSeed() {
  static const int fd = seedFromThread();
  return fd;
}

int takeSpareNetwork() { return spareFd.exchange(-1); }

void makeSpareNetwork() {
  if (spareFd >= 0 || isBeingMade.exchange(true)) return;
  if (startThread(makerMain, nullptr) != 0) isBeingMade = false;
}

}  // namespace uchroot
