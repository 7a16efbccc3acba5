// Blocks signals in threads that belong to Node. Only a thread itself can change its mask, so each gets a signal whose handler
// changes the mask that the thread returns to.

#include "othersignals.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../files/descriptor.h"

namespace uchroot {
namespace {

constexpr int kCall = SIGURG;  // ignored by default: one that comes late does no harm
constexpr int kTries = 200;

std::atomic<int> answers = 0;

void blockHere(int, siginfo_t*, void* context) {
  sigfillset(&static_cast<ucontext_t*>(context)->uc_sigmask);
  answers++;
}

// Threads of ours, and some of libuv's, block all signals from their start.
bool isBlocked(int tasksFd, const char* tid) {
  const Descriptor file(openat(tasksFd, (std::string(tid) + "/status").c_str(), O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t length = read(file.get(), text, sizeof text - 1);
  if (length <= 0) return true;  // the thread has ended
  text[length] = 0;
  const char* mask = std::strstr(text, "\nSigBlk:");
  return mask == nullptr || (std::strtoull(mask + std::strlen("\nSigBlk:"), nullptr, 16) >> (kCall - 1) & 1) != 0;
}

int callOthers(DIR* tasks) {
  const pid_t own = static_cast<pid_t>(syscall(SYS_gettid));
  int called = 0;
  while (const dirent* entry = readdir(tasks)) {
    const auto tid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (tid <= 0 || tid == own || isBlocked(dirfd(tasks), entry->d_name)) continue;
    if (syscall(SYS_tgkill, getpid(), tid, kCall) == 0) called++;
  }
  return called;
}

}  // namespace

void blockSignalsOfOthers() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return;
  answers = 0;
  struct sigaction call = {}, before;
  call.sa_sigaction = blockHere;
  call.sa_flags = SA_SIGINFO | SA_RESTART;
  if (sigaction(kCall, &call, &before) == 0) {
    const int called = callOthers(tasks);
    for (int left = kTries; answers < called && left > 0; left--) {
      const timespec pause = {0, 500'000};
      (void)nanosleep(&pause, nullptr);
    }
    (void)sigaction(kCall, &before, nullptr);  // an address that was valid before does not fail
  }
  (void)closedir(tasks);
}

}  // namespace uchroot
