// What happens between two stages of a plan: the process forks, the parent waits for its child and ends as that does.
//
// The parent hears of the child through a pipe: a record that says what has failed, or that only execve is left to do, and then the
// end of the pipe, which execve closes. So whoever performs the first stage tells of every failure.

#include "steps.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

namespace uchroot {
namespace {

constexpr int kStatusLost = 127;  // of a child that fails: its parent tells why

// No number of the pipe's may be one that a later step means.
long firstFreeNumber(void* plan, const PlanContext& context) {
  uint64_t highest = 2 + static_cast<uint64_t>(context.listenFds);
  Steps steps(plan);
  while (const PlanStep* step = steps.next()) {
    if ((step->flags & STEP_DESCRIPTOR) != 0 && step->a > highest) highest = step->a;
  }
  return static_cast<long>(highest + 1);
}

long moveAbove(int* fd, long first) {
  if (*fd >= first) return 0;
  const long moved = sys(__NR_fcntl, *fd, F_DUPFD_CLOEXEC, first);
  (void)sys(__NR_close, *fd);  // nothing was written to it that could be lost
  if (moved >= 0) *fd = static_cast<int>(moved);
  return moved < 0 ? moved : 0;
}

long makePipe(void* plan, const PlanContext& context, int* ends) {
  const long made = sys(__NR_pipe2, address(ends), O_CLOEXEC);
  if (made < 0) return made;
  const long first = firstFreeNumber(plan, context);
  const long movedRead = moveAbove(&ends[0], first);
  return movedRead < 0 ? movedRead : moveAbove(&ends[1], first);
}

PlanFailure failedFork(long error) { return {kNoStep, PHASE_FORK, static_cast<int32_t>(-error), 0}; }

// The last record of the child; without one it was ended before its program ran.
PlanFailure readStatus(long fd) {
  PlanFailure last = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  PlanFailure record = last;
  for (;;) {
    const long got = sys(__NR_read, fd, address(&record), sizeof record);
    if (got == -EINTR) continue;
    if (got != sizeof record) return last;
    last = record;
  }
}

// Returns how the child has ended, as wait(2) has it.
int reap(long child) {
  int status = 0;
  while (sys(__NR_wait4, child, address(&status), __WALL, 0) == -EINTR) continue;
  return status;
}

// Terminals send their signals to a whole group: a child in the same one has got them already.
bool isForwarded(const siginfo_t& info, long child) {
  return info.si_code <= 0 || sys(__NR_getpgid, child) != sys(__NR_getpgid, 0);
}

// Reaps what has ended, as an init has to; ends when the child does.
void reapAll(long child) {
  for (;;) {
    int status = 0;
    const long pid = sys(__NR_wait4, -1, address(&status), WNOHANG | WUNTRACED | __WALL, 0);
    if (pid == -EINTR) continue;
    if (pid == -ECHILD) quit(kStatusLost);  // somebody else has reaped it
    if (pid <= 0) return;
    if (pid != child) continue;
    const int signal = status & 0x7f;
    if ((status & 0xff) == 0x7f) {
      // A job is stopped as a whole, and continued by its shell (setpgid(2), "job control").
      (void)sys(__NR_kill, sys(__NR_getpid), SIGSTOP);
    } else {
      quit(signal == 0 ? status >> 8 & 0xff : 128 + signal);
    }
  }
}

// Waits for the program, forwards signals to it, and ends as it does. All signals are blocked, and taken one by one. Where there are
// other threads one of them may get a signal in the moment in which this one does not wait, and the whole process ends: the program
// with it, by its parent-death signal.
[[noreturn]] void endAs(long child) {
  for (;;) {
    reapAll(child);
    const uint64_t all = ~0ull;
    siginfo_t info;
    const long signal = sys(__NR_rt_sigtimedwait, address(&all), address(&info), 0, sizeof all);
    if (signal <= 0 || signal == SIGCHLD) continue;
    if (isForwarded(info, child)) (void)sys(__NR_kill, child, signal);  // it may have ended meanwhile
  }
}

// The program runs. This process has nothing left to do but to wait.
[[noreturn]] void standFor(long child, const PlanContext& context) {
  // The launch has failed for a parent that is gone, or that cannot be told.
  if (context.isChild && endWithParent() < 0) quit(kStatusLost);
  if (context.statusFd >= 0 && tell(context.statusFd, {kNoStep, PHASE_EXECUTE, 0, 0}) < 0) quit(kStatusLost);
  // Nobody is to wait for the end of a pipe that only this process holds open. Other threads may be using theirs.
  if (!context.hasThreads) (void)sys(__NR_close_range, 0, ~0u, 0);
  endAs(child);
}

// Blocked from before the fork on, so that none is lost between the program's start and the wait for signals.
long setMask(uint64_t mask, uint64_t* before) {
  return sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&mask), address(before), sizeof mask);
}

// An ignored SIGCHLD would have the kernel reap the child (wait(2), NOTES).
long heedChildren() {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } standard = {0, 0, 0, 0};
  return sys(__NR_rt_sigaction, SIGCHLD, address(&standard), 0, 8);
}

}  // namespace

long tell(long statusFd, const PlanFailure& record) {
  return writeAll(statusFd, reinterpret_cast<const uint8_t*>(&record), sizeof record);
}

long endWithParent() { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

PlanFailure leave(const PlanContext& context, const PlanFailure& failure) {
  if (!context.isChild) return failure;
  (void)tell(context.statusFd, failure);  // a parent that is gone has nobody to tell
  quit(kStatusLost);
}

bool forkStage(void* plan, PlanContext* context, PlanFailure* failure) {
  int ends[2];
  uint64_t mask = 0;
  long error = heedChildren();
  if (error == 0) error = makePipe(plan, *context, ends);
  if (error == 0) error = setMask(~0ull, &mask);
  if (error < 0) {
    *failure = failedFork(error);
    return false;
  }
  const long child = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child != 0) {
    (void)sys(__NR_close, ends[1]);
    *failure = child < 0 ? failedFork(child) : readStatus(ends[0]);
    (void)sys(__NR_close, ends[0]);
    if (child > 0 && failure->error == 0 && context->progress == nullptr) standFor(child, *context);
    const int status = child > 0 ? reap(child) : 0;
    if (failure->op == PHASE_EXECUTE && failure->error != 0) failure->detail = static_cast<uint32_t>(status & 0x7f);
  }
  (void)setMask(mask, nullptr);  // what it was cannot be refused
  if (child == 0) {
    (void)sys(__NR_close, ends[0]);
    // an outer status pipe is the parent's
    if (context->statusFd >= 0) (void)sys(__NR_close, context->statusFd);
    context->statusFd = ends[1];
    context->isChild = true;
    context->hasThreads = false;
  }
  return child == 0;
}

}  // namespace uchroot
