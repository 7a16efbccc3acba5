// A network namespace that is made before the launch that uses it.

#include "sparenetwork.h"

#include <atomic>

#include <fcntl.h>
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
