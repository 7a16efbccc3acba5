// Forks between two stages of a plan: the parent waits for its child and ends with the same status.
//
// The child reports through a pipe. It writes one record: a failure, or that only execve is left. Then the pipe ends, because
// execve closes it. So the process that runs the first stage can report each failure.

#include "steps.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

namespace uchroot {
namespace {

constexpr int kStatusLost = 127;  // exit status of a child that fails: its parent reports the reason

// The pipe must not use a descriptor number that a later step uses.
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
  // A number beyond the limit on descriptors: the step that uses it will fail, and says so (fcntl(2), EINVAL).
  if (moved == -EINVAL) return 0;
  (void)sys(__NR_close, *fd);  // no unwritten data: close cannot lose anything
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

// The last record of the child. If there is none, the child was killed before its program ran.
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

// Waits for the child and returns its wait status (wait(2)).
int reap(long child) {
  int status = 0;
  while (sys(__NR_wait4, child, address(&status), __WALL, 0) == -EINTR) continue;
  return status;
}

bool isInit() { return sys(__NR_getpid) == 1; }

// A terminal sends its signals to a whole process group: a child in this process's group has them already. Nor does a signal that
// this process sent to its group concern the child.
bool isForwarded(const siginfo_t& info, long child) {
  if (info.si_code > 0) return sys(__NR_getpgid, child) != sys(__NR_getpgid, 0);
  return info.si_pid != sys(__NR_getpid);
}

// A shell stops and continues a job as a whole, so this process stops with its child (setpgid(2), "job control"). Nothing from inside
// stops the init of a pid namespace (pid_namespaces(7)). So it sends SIGCHLD to its process group: the process outside that waits for
// it stops, and others ignore the signal. That process has the init's ids by then: see standFor().
void stopWith() {
  (void)(isInit() ? sys(__NR_kill, 0, SIGCHLD) : sys(__NR_kill, sys(__NR_getpid), SIGSTOP));
}

// Whether this is the SIGCHLD by which an init says that its program has stopped. The kernel's own has another code. The sender's pid
// is that in its own pid namespace (send_signal_locked() in kernel/signal.c), and only an init can be 1.
bool saysStopped(const siginfo_t& info) {
  return info.si_signo == SIGCHLD && info.si_code == SI_USER && info.si_pid == 1 && !isInit();
}

bool isPending(int signal) {
  uint64_t pending = 0;
  (void)sys(__NR_rt_sigpending, address(&pending), sizeof pending);  // cannot fail
  return (pending >> (signal - 1) & 1) != 0;
}

// Somebody has continued or killed the child alone: the process outside must go on too.
void continueWith() {
  if (isInit() && !isPending(SIGCONT)) (void)sys(__NR_kill, 0, SIGCONT);
}

int64_t timeOf(const rusage& usage) {
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000ll + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

// Reaps all children that have ended, as an init must. If `child` has ended, this process ends too. *hasStopped: `child` has stopped,
// and this process has got no SIGCONT since.
void reapAll(long child, bool* hasStopped, Watch* watch) {
  constexpr int kContinued = 0xffff;  // the wait status (wait(2))
  for (;;) {
    int status = 0;
    rusage usage;
    const long pid = sys(__NR_wait4, -1, address(&status), WNOHANG | WUNTRACED | WCONTINUED | __WALL, address(&usage));
    if (pid == -EINTR) continue;
    if (pid == -ECHILD) quit(kStatusLost);  // other code has reaped it
    if (pid <= 0) return;
    if (pid != child) continue;
    if (status != kContinued && (status & 0xff) == 0x7f) {
      *hasStopped = true;
      stopWith();
      continue;
    }
    if (*hasStopped) continueWith();
    *hasStopped = false;
    if (status != kContinued) quit(watch == nullptr ? exitStatusOf(status) : watch->end(watch, status, timeOf(usage)));
  }
}

}  // namespace

int exitStatusOf(int waitStatus) {
  const int signal = waitStatus & 0x7f;
  return signal == 0 ? waitStatus >> 8 & 0xff : 128 + signal;
}

// Waits for the program, forwards signals to it, and ends with its status. All signals are blocked and read one by one. If there
// are other threads, one of them may take a signal while this thread does not wait. Then the whole process is killed, and the
// parent-death signal kills the program.
void endAs(long child, Watch* watch) {
  bool hasStopped = false;
  for (;;) {
    reapAll(child, &hasStopped, watch);
    const uint64_t all = ~0ull;
    siginfo_t info;
    const long signal = sys(__NR_rt_sigtimedwait, address(&all), address(&info), 0, sizeof all);
    if (signal == SIGCONT) hasStopped = false;
    if (signal > 0 && saysStopped(info)) stopWith();
    if (signal > 0 && watch != nullptr) {
      watch->signals |= 1ull << (signal - 1);
      if (info.si_code == SI_TIMER && watch->expire != nullptr) watch->expire(watch, child);
    }
    if (signal <= 0 || signal == SIGCHLD) continue;
    if (!isForwarded(info, child)) continue;
    // To the whole group, if the child leads one. It fails if the child has ended.
    const bool isLeader = sys(__NR_getpgid, child) == child;
    (void)sys(__NR_kill, isLeader ? -child : child, signal);
  }
}

namespace {

// An init tells how its program has ended.
struct EndTeller : Watch {
  const PlanContext* context;
};

int tellEnd(Watch* watch, int status, int64_t) {
  const PlanContext& context = *static_cast<EndTeller*>(watch)->context;
  // fails only if nobody reads it any more
  (void)tell(context.statusFd, {kNoStep, PHASE_ENDED, 0, static_cast<uint32_t>(status), fullOf(context)});
  return exitStatusOf(status);
}

// Closes all descriptors but these. -1 is none.
void closeAllBut(const int* kept, uint32_t count) {
  long first = 0;
  for (;;) {
    long next = -1;
    for (uint32_t i = 0; i < count; i++) {
      if (kept[i] >= first && (next < 0 || kept[i] < next)) next = kept[i];
    }
    if (next < 0) break;
    if (next > first) (void)sys(__NR_close_range, first, next - 1, 0);
    first = next + 1;
  }
  (void)sys(__NR_close_range, first, ~0u, 0);
}

// The program runs. This process only waits for it.
[[noreturn]] void standFor(long child, const PlanContext& context) {
  // If the parent is gone or cannot be told, the launch has failed.
  if (context.isChild && endWithParent() < 0) quit(kStatusLost);
  if (context.statusFd >= 0 && tell(context.statusFd, {kNoStep, PHASE_EXECUTE, 0, 0}) < 0) quit(kStatusLost);
  // Nothing is reaped before the process outside can get signals from this one.
  if (awaitParent(context) < 0) quit(kStatusLost);
  // If this process kept its descriptors, the reader of a pipe would not see its end. Other threads may use the descriptors, so
  // with threads they stay open.
  int kept[2 + kMostWatched] = {context.lockFd, context.tellsEnd ? context.statusFd : -1};
  for (uint32_t i = 0; i < context.watchedCount; i++) kept[2 + i] = context.watched[i];
  if (!context.hasThreads) closeAllBut(kept, 2 + context.watchedCount);
  if (!context.tellsEnd) endAs(child);
  EndTeller teller = {{nullptr, tellEnd}, &context};
  endAs(child, &teller);
}

// Signals are blocked before the fork, so that none is lost between the program's start and the wait for signals.
long setMask(uint64_t mask, uint64_t* before) {
  return sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&mask), address(before), sizeof mask);
}

// If SIGCHLD is ignored, the kernel reaps the child (wait(2), NOTES).
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
  (void)tell(context.statusFd, failure);  // fails only if the parent is gone
  quit(kStatusLost);
}

long awaitParent(const PlanContext& context) {
  if (context.goFd < 0) return 0;
  uint8_t ready;
  long got;
  do {
    got = sys(__NR_read, context.goFd, address(&ready), 1);
  } while (got == -EINTR);
  return got == 1 ? 0 : -ECANCELED;  // the parent has failed and says why
}

namespace {

// Runs the steps of a stage that come after its fork, and lets the child go on.
bool finishStage(void* plan, PlanStage* stage, uint32_t place, PlanContext& context, long goFd, PlanFailure* failure) {
  PlanStep* step = firstStep(stage);
  for (uint32_t i = 0; i < stage->steps; i++, place++, step = nextStep(step)) {
    if ((step->flags & STEP_AFTER_FORK) != 0 && !advance(plan, step, place, context, failure)) return false;
  }
  const uint8_t ready = 0;
  (void)writeAll(goFd, &ready, 1);  // fails only if the child is gone: its status is read next
  return true;
}

bool hasStepsAfterFork(PlanStage* stage) {
  PlanStep* step = firstStep(stage);
  for (uint32_t i = 0; i < stage->steps; i++, step = nextStep(step)) {
    if ((step->flags & STEP_AFTER_FORK) != 0) return true;
  }
  return false;
}

}  // namespace

bool forkStage(void* plan, PlanStage* stage, uint32_t place, PlanContext* context, PlanFailure* failure) {
  int ends[2], go[2] = {-1, -1};
  uint64_t mask = 0;
  long error = heedChildren();
  if (error == 0) error = makePipe(plan, *context, ends);
  if (error == 0 && hasStepsAfterFork(stage)) error = makePipe(plan, *context, go);
  if (error == 0) error = setMask(~0ull, &mask);
  if (error < 0) {
    *failure = failedFork(error);
    return false;
  }
  const long child = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child != 0) {
    (void)sys(__NR_close, ends[1]);
    if (go[0] >= 0) (void)sys(__NR_close, go[0]);
    const bool isReady = child > 0 && (go[1] < 0 || finishStage(plan, stage, place, *context, go[1], failure));
    if (child < 0) *failure = failedFork(child);
    if (go[1] >= 0) (void)sys(__NR_close, go[1]);
    if (isReady) *failure = readStatus(ends[0]);
    (void)sys(__NR_close, ends[0]);
    if (isReady && failure->error == 0 && context->progress == nullptr) standFor(child, *context);
    // Not ready: the child reads the end of its pipe, and exits.
    const int status = child > 0 ? reap(child) : 0;
    // The signal, unless the child has told of a signal that killed its own child.
    if (failure->op == PHASE_EXECUTE && failure->error != 0 && failure->detail == 0) failure->detail = static_cast<uint32_t>(status & 0x7f);
  }
  (void)setMask(mask, nullptr);  // restoring a mask does not fail
  if (child == 0) {
    (void)sys(__NR_close, ends[0]);
    if (go[1] >= 0) (void)sys(__NR_close, go[1]);
    // An outer status pipe belongs to the parent.
    if (context->statusFd >= 0) (void)sys(__NR_close, context->statusFd);
    if (context->goFd >= 0) (void)sys(__NR_close, context->goFd);
    context->statusFd = ends[1];
    context->goFd = go[0];
    context->isChild = true;
    context->hasThreads = false;
  }
  return child == 0;
}

}  // namespace uchroot
