// Forks between two stages of a plan. The child reports through a pipe. It writes one record: a failure, or that only execve is left.
// Then the pipe ends, because execve closes it. So the process that runs the first stage can report each failure.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <asm/signal.h>

#include "clone.h"

namespace uchroot {
namespace {

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

// Waits for the end of a pipe only, not for data: a second wake-up would be slow. Without it, the reads that follow wait.
void awaitEnd(long fd) {
  pollfd ended = {static_cast<int>(fd), 0, 0};
  (void)sys(__NR_ppoll, address(&ended), 1, 0, 0, 0);
}

// The last record of the child. If there is none, the child was killed before its program ran.
PlanFailure readStatus(long fd) {
  awaitEnd(fd);
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

// Runs the steps of a stage that come after its fork, and lets the child go on.
bool finishStage(const Stages& own, PlanContext& context, long goFd, PlanFailure* failure) {
  uint32_t place = own.place;
  PlanStep* step = firstStep(own.first);
  for (uint32_t i = 0; i < own.first->steps; i++, place++, step = nextStep(step)) {
    if ((step->flags & STEP_AFTER_FORK) != 0 && !advance(own.plan, step, place, context, failure)) return false;
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

// The state in which a child begins. Its parent may share the memory, and changes none of this while the child runs.
struct Beginning {
  Stages stages;
  PlanContext context;
  int ends[2], go[2];  // pipes: from the child, and to it
  uint64_t mask;
};

// Word by word: the compiler may make a call of memcpy from a copy of the whole, and a launcher has no libc.
void copyContext(PlanContext* to, const PlanContext& from) {
  static_assert(sizeof from % sizeof(uint64_t) == 0);
  uint8_t* target = reinterpret_cast<uint8_t*>(to);
  const uint8_t* source = reinterpret_cast<const uint8_t*>(&from);
  for (uint32_t at = 0; at < sizeof from; at += sizeof(uint64_t)) {
    __builtin_memcpy(target + at, source + at, sizeof(uint64_t));  // one instruction, no call
    __asm__("" : : : "memory");                                    // keeps the loop
  }
}

int runChild(void* given) {
  Beginning& child = *static_cast<Beginning*>(given);
  PlanContext& context = child.context;
  (void)setMask(child.mask, nullptr);  // restoring a mask does not fail
  (void)sys(__NR_close, child.ends[0]);
  if (child.go[1] >= 0) (void)sys(__NR_close, child.go[1]);
  // An outer status pipe belongs to the parent.
  if (context.statusFd >= 0) (void)sys(__NR_close, context.statusFd);
  if (context.goFd >= 0) (void)sys(__NR_close, context.goFd);
  // It leads beneath the overlay: see replaceJail(). The lock ends with the parent.
  if (context.lockFd >= 0) (void)sys(__NR_close, context.lockFd);
  context.lockFd = -1;
  context.statusFd = child.ends[1];
  context.goFd = child.go[0];
  context.isChild = true;
  context.hasThreads = false;
  (void)runStages(child.stages, context);
  quit(kStatusLost);  // not reached: a child leaves
}

constexpr uint32_t kChildStackBytes = 16 * 1024;

// The child of an init shares its memory until execve, as in vfork(2), but both run. A copy would cost more: in a warm launch, the
// launcher's part takes 7 % less CPU time without it (120 interleaved rounds).
//
// While they share memory, one of the two may have root's rights and the other the user's ids. So no process of the user may trace them.
// Their memory is not dumpable, and stays so when ids change, unless fs.suid_dumpable is 1 (commit_creds() in kernel/cred.c). Execve gives
// the program its own memory, which is dumpable again.
[[gnu::noinline]] long startChild(Beginning& child, char* stack) {
  if (!child.context.sharesMemory) {
    const long pid = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
    return pid == 0 ? runChild(&child) : pid;
  }
  if (const long set = prctl(PR_SET_DUMPABLE, 0); set < 0) return set;
  return cloneOnStack(__NR_clone, CLONE_VM | SIGCHLD, address(stack + kChildStackBytes), runChild, &child);
}

// Waits for the child that was started; does not return if the program runs.
PlanFailure followChild(long pid, const Stages& own, const Beginning& child, PlanContext& context) {
  const int readEnd = child.ends[0], goEnd = child.go[1];
  (void)sys(__NR_close, child.ends[1]);
  if (child.go[0] >= 0) (void)sys(__NR_close, child.go[0]);
  PlanFailure failure = failedFork(pid);
  const bool isReady = pid > 0 && (goEnd < 0 || finishStage(own, context, goEnd, &failure));
  if (goEnd >= 0) (void)sys(__NR_close, goEnd);
  if (isReady) failure = readStatus(readEnd);
  (void)sys(__NR_close, readEnd);
  if (isReady && failure.error == 0 && context.progress == nullptr) standFor(pid, context);
  // Not ready: the child reads the end of its pipe, and exits.
  const int status = pid > 0 ? reap(pid) : 0;
  // The signal that has killed the child; or, if the child has reported one, the signal that killed the child's own child.
  if (failure.op == PHASE_EXECUTE && failure.error != 0 && failure.detail == 0) failure.detail = static_cast<uint32_t>(status & 0x7f);
  return failure;
}

}  // namespace

PlanFailure forkStage(const Stages& own, const Stages& next, PlanContext& context) {
  Beginning child;
  child.stages = next;
  child.go[0] = child.go[1] = -1;
  copyContext(&child.context, context);
  long error = heedChildren();
  if (error == 0) error = makePipe(own.plan, context, child.ends);
  if (error == 0 && hasStepsAfterFork(own.first)) error = makePipe(own.plan, context, child.go);
  if (error == 0) error = setMask(~0ull, &child.mask);
  if (error < 0) return failedFork(error);
  // This function returns only when the child has ended.
  alignas(16) char stack[kChildStackBytes];
  const long pid = startChild(child, stack);
  const PlanFailure failure = followChild(pid, own, child, context);
  (void)setMask(child.mask, nullptr);  // restoring a mask does not fail
  return failure;
}

}  // namespace uchroot
