// See removal.h. It uses only raw system calls: the thread has no thread-local storage, and so no stack protector and no errno.

#include "removal.h"

#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/stat.h>

#include <asm/errno.h>
#include <asm/signal.h>

#include "clone.h"
#include "syscall.h"

namespace uchroot {
namespace {

enum State : uint32_t { kWaiting, kWanted, kDone, kFailed };

constexpr uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

bool isStillThere(const Removal* removal) {
  struct statx opened, named;
  return sys(__NR_statx, removal->file, address(""), AT_EMPTY_PATH, STATX_INO, address(&opened)) == 0 &&
         sys(__NR_statx, removal->directory, address(removal->name), AT_SYMLINK_NOFOLLOW, STATX_INO, address(&named)) == 0 &&
         opened.stx_ino == named.stx_ino && opened.stx_dev_major == named.stx_dev_major &&
         opened.stx_dev_minor == named.stx_dev_minor;
}

bool removeFile(const Removal* removal) {
  return isStillThere(removal) && sys(__NR_unlinkat, removal->directory, address(removal->name), 0) == 0;
}

uint32_t stateOf(const Removal* removal) { return __atomic_load_n(&removal->state, __ATOMIC_ACQUIRE); }

void setState(Removal* removal, uint32_t state) {
  __atomic_store_n(&removal->state, state, __ATOMIC_RELEASE);
  (void)sys(__NR_futex, address(&removal->state), FUTEX_WAKE_PRIVATE, 1);  // fails only if no thread waits
}

// Returns at once if the state has changed already. A signal wakes it early, so the state is read again.
void waitWhile(const Removal* removal, uint32_t state) {
  while (stateOf(removal) == state) (void)sys(__NR_futex, address(&removal->state), FUTEX_WAIT_PRIVATE, state);
}

[[noreturn]] __attribute__((no_sanitize("address", "undefined"))) int removalThread(void* given) {
  Removal* removal = static_cast<Removal*>(given);
  waitWhile(removal, kWaiting);
  setState(removal, removeFile(removal) ? kDone : kFailed);
  for (;;) (void)sys(__NR_exit, 0);
}

}  // namespace

void startRemoval(Removal* removal, void* stackEnd) {
  // No signal handler of this process may run on that thread.
  const uint64_t all = ~uint64_t{0};
  uint64_t before = 0;
  if (sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&all), address(&before), sizeof all) < 0) return;
  removal->hasThread = cloneOnStack(__NR_clone, kThread, address(stackEnd), removalThread, removal) > 0;
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&before), 0, sizeof before);  // restoring a mask does not fail
}

void takeBack(Removal* removal) {
  if (removal->hasThread) {
    setState(removal, kWanted);
    waitWhile(removal, kWanted);
  } else {
    removal->state = removeFile(removal) ? kDone : kFailed;
  }
  // If the file cannot be emptied either, it names a dead process. Readers of pid files must expect that.
  if (stateOf(removal) == kFailed) (void)sys(__NR_ftruncate, removal->file, 0);
}

}  // namespace uchroot
