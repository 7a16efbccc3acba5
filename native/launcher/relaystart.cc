#include "relaystart.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "../plan/plan.h"
#include "../plan/steps.h"
#include "../plan/syscall.h"
#include "decimal.h"

namespace uchroot {
namespace {

constexpr int kSocket = 3, kStatus = 4, kFirst = 5, kMost = 512;

// recvmsg(2), unix(7): SCM_RIGHTS. Descriptors get the lowest free numbers. Returns how many have come, 0 if none will, or -1.
int takeSockets(int next) {
  uint8_t byte;
  struct {
    void* bytes;
    uint64_t count;
  } part = {&byte, 1};
  constexpr uint64_t kHeaderBytes = 16;
  struct {
    uint64_t bytes;
    int level, type, fds[kMostSockets];
  } control = {};
  struct {
    void* name;
    uint64_t nameBytes;
    void* parts;
    uint64_t count;
    void* control;
    uint64_t controlBytes;
    uint64_t flags;
  } message = {nullptr, 0, &part, 1, &control, sizeof control, 0};
  long got;
  while ((got = sys(__NR_recvmsg, kSocket, address(&message), 0)) == -EINTR) continue;
  if (got == 0) return 0;
  const uint64_t bytes = control.bytes;
  if (got != 1 || bytes <= kHeaderBytes || bytes > sizeof control) return -1;
  const int count = static_cast<int>((bytes - kHeaderBytes) / sizeof(int));
  for (int i = 0; i < count; i++) {
    if (control.fds[i] != next + i) return -1;
  }
  return count;
}

[[noreturn]] void fail() {
  static const char message[] = "uchroot: error: no process could be started that relays: the program reaches nothing\n";
  (void)sys(__NR_write, 2, address(message), sizeof message - 1);
  quit(125);
}

// By SECBIT_NO_SETUID_FIXUP the relay would keep the capabilities of root when it becomes the program's user. A locked bit cannot
// change (capabilities(7)): then the relay refuses to begin.
void clearSecurebits() {
  const long now = sys(__NR_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
  const long next = now & ((now & SECURE_ALL_LOCKS) >> 1 | SECURE_ALL_LOCKS);
  if (next != now) (void)sys(__NR_prctl, PR_SET_SECUREBITS, next, 0, 0, 0);
}

}  // namespace

void relayWhenCalled(long parent, long least, long argc, const char* const* argv, const char* const* environment) {
  (void)sys(__NR_close_range, kFirst, ~0u, 0);
  // each step of the plan sends its own
  int count = 0;
  for (int more; (more = takeSockets(kFirst + count)) != 0; count += more) {
    if (more < 0 || count + more > kMost) fail();
  }
  if (count < least) quit(0);
  *putNumber(const_cast<char*>(argv[argc - 1]), count) = 0;
  // The command may have ended already, and its number may be that of another process.
  const long command = sys(__NR_pidfd_open, parent, 0);
  const bool isEnded = command < 0 || sys(__NR_getppid) != parent;
  pollfd polled[kMost + 1];
  for (int i = 0; i < count; i++) polled[i] = {kFirst + i, POLLIN, 0};
  polled[count] = {static_cast<int>(command), POLLIN, 0};
  const int64_t now[] = {0, 0};
  long ready;
  while ((ready = sys(__NR_ppoll, address(polled), count + 1, isEnded ? address(now) : 0, 0, 0)) == -EINTR) continue;
  if (ready < 0) fail();
  bool isCalled = false;
  for (int i = 0; i < count; i++) isCalled = isCalled || polled[i].revents != 0;
  if (!isCalled) quit(0);
  // readers of the program's output and status must not wait for what is still sent
  if (isEnded || polled[count].revents != 0) {
    (void)sys(__NR_dup3, 0, 2, 0);
    (void)sys(__NR_dup3, 0, kStatus, 0);
  }
  if (command >= 0) (void)sys(__NR_close, command);
  clearSecurebits();
  (void)sys(__NR_execve, address(argv[0]), address(argv), address(environment));
  fail();
}

}  // namespace uchroot
