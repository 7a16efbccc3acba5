// A network namespace that is made before the launch that uses it.

#include "sparenetwork.h"

#include <atomic>

#include <pthread.h>
#include <sched.h>

#include "../files/descriptor.h"
#include "../plan/steps.h"
#include "newspace.h"

namespace uchroot {
namespace {

std::atomic<int> spareFd = -1;
std::atomic<bool> isBeingMade = false;

int makeNetwork() {
  int fd = newSpaceOfThread(CLONE_NEWNET, "/proc/thread-self/ns/net");
  if (fd >= 0 && raiseLoopback() == 0) return fd;
  closeIfOpen(fd);
  return -1;
}

// If this fails, the next launch makes its own namespace, and tells what the kernel says.
void* makerMain(void*) {
  int previous = spareFd.exchange(makeNetwork());
  closeIfOpen(previous);
  isBeingMade = false;
  return nullptr;
}

}  // namespace

int takeSpareNetwork() { return spareFd.exchange(-1); }

void makeSpareNetwork() {
  if (spareFd >= 0 || isBeingMade.exchange(true)) return;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, makerMain, nullptr) == 0) {
    (void)pthread_detach(thread);
  } else {
    isBeingMade = false;
  }
}

}  // namespace uchroot
