// The messages between the processes of a plan with several stages. Also the wait of a process for its child, whose status it then ends
// with.

#include "steps.h"

#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>

namespace uchroot {
namespace {

bool isInit() { return sys(__NR_getpid) == 1; }

// A terminal sends its signals to a whole process group: a child in this process's group has them already. Nor does a signal that
// this process sent to its group concern the child.
bool isForwarded(const siginfo_t& info, long child) {
  // The size of this terminal does not concern a program that has another one.
  if (info.si_code > 0 && info.si_signo == SIGWINCH && sys(__NR_getsid, child) != sys(__NR_getsid, 0)) return false;
  if (info.si_code > 0) return sys(__NR_getpgid, child) != sys(__NR_getpgid, 0);
  return info.si_pid != sys(__NR_getpid);
}

// A shell stops and continues a job as a whole, so this process stops with its child (setpgid(2), "job control"). Nothing from inside
// stops the init of a pid namespace (pid_namespaces(7)). So it sends SIGCHLD to its process group: the process outside that waits for
// it stops, and others ignore the signal. That process has the init's ids by then: see standFor().
void stopWith(Console* console) {
  if (console != nullptr) return console->stop(console);
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

// The kernel sends SIGIO to this process when the last reader of a pipe has gone (pipe_release() in fs/pipe.c).
long watchReader(long fd) {
  long result = sys(__NR_fcntl, fd, F_SETOWN, sys(__NR_getpid));
  if (result >= 0) result = sys(__NR_fcntl, fd, F_SETSIG, SIGIO);  // without this, si_code would be that of other signals too
  if (result >= 0) result = sys(__NR_fcntl, fd, F_GETFL);
  return result < 0 ? result : sys(__NR_fcntl, fd, F_SETFL, result | FASYNC);
}

bool hasNoReader(int fd) {
  pollfd writer = {fd, 0, 0};
  const __kernel_timespec now = {0, 0};
  return sys(__NR_ppoll, address(&writer), 1, address(&now), 0, 0) == 1 && (writer.revents & POLLERR) != 0;
}

// Reaps all children that have ended, as an init must. If `child` has ended, this process ends too. *hasStopped: `child` has stopped,
// and this process has got no SIGCONT since.
void reapAll(long child, bool* hasStopped, Watch* watch, Console* console) {
  constexpr int kContinued = 0xffff;  // the wait status (wait(2))
  for (;;) {
    int status = 0;
    rusage usage;
    const long pid = sys(__NR_wait4, -1, address(&status), WNOHANG | WUNTRACED | WCONTINUED | __WALL, address(&usage));
    if (pid == -EINTR) continue;
    if (pid == -ECHILD) quit(kStatusLost);  // other code has reaped it
    if (pid <= 0) return;
    // without its clock a program has no limit of time
    if (watch != nullptr && pid == watch->clockPid && status != kContinued) {
      watch->isUnwatched = true;
      watch->clockPid = -1;
      (void)sys(__NR_kill, child, SIGKILL);
    }
    if (watch != nullptr && pid == watch->reporterPid && status != kContinued && (status & 0xff) != 0x7f) {
      watch->reporterPid = -1;
      watch->isUnreported = status != 0;
      if (status != 0) (void)sys(__NR_kill, child, SIGKILL);
    }
    if (pid != child) continue;
    if (status != kContinued && (status & 0xff) == 0x7f) {
      *hasStopped = true;
      stopWith(console);
      continue;
    }
    if (*hasStopped) continueWith();
    *hasStopped = false;
    if (status == kContinued) continue;
    if (console != nullptr) console->end(console);
    quit(watch == nullptr ? exitStatusOf(status) : watch->end(watch, status, usage));
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
void endAs(long child, Watch* watch, Console* console) {
  bool hasStopped = false;
  for (;;) {
    reapAll(child, &hasStopped, watch, console);
    if (console != nullptr) console->await(console);
    const uint64_t all = ~0ull;
    siginfo_t info;
    const long signal = sys(__NR_rt_sigtimedwait, address(&all), address(&info), 0, sizeof all);
    if (signal == SIGCONT) hasStopped = false;
    if (signal > 0 && saysStopped(info)) stopWith(console);
    if (signal == SIGIO && watch != nullptr && watch->readFromFd >= 0) {
      // No matter which process has sent it: while a SIGIO is pending, the kernel drops its own (legacy_queue() in kernel/signal.c).
      if (hasNoReader(watch->readFromFd)) quit(kStatusLost);
      if (info.si_code > 0) continue;
    }
    if (signal > 0 && watch != nullptr) watch->signals |= 1ull << (signal - 1);
    if (signal <= 0 || signal == SIGCHLD) continue;
    if ((console != nullptr && console->keeps(console, signal)) || !isForwarded(info, child)) continue;
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

// Whether this process has other children: those of the program have become its own.
bool hasOthers() {
  long ended;
  do {
    ended = sys(__NR_wait4, -1, 0, WNOHANG | __WALL, 0);
  } while (ended > 0 || ended == -EINTR);
  return ended == 0;
}

int tellEnd(Watch* watch, int status, const rusage& usage) {
  const PlanContext& context = *static_cast<EndTeller*>(watch)->context;
  const uint32_t full = fullOf(context) | (context.isTimeOver ? FULL_TIME : 0u) | (hasOthers() ? FULL_LEFT : 0u);
  const auto largest = static_cast<uint32_t>(usage.ru_maxrss);
  // fails only if nobody reads it any more
  (void)tell(context.statusFd, {largest, PHASE_ENDED, 0, static_cast<uint32_t>(status), full});
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

// The clock of a launch starts when the parent is ready (native/launcher/clock.h). In a job of a terminal, a program with the parent's uid
// can stop the parent before (kill(2) with pid 0), but not this process (pid_namespaces(7)). After the program nobody stops it again.
void limitStart(PlanContext& context) {
  constexpr int64_t kAgainMs = 100;
  for (int64_t limitMs = context.mostStartMs; limitMs > 0; limitMs = kAgainMs) {
    pollfd go = {context.goFd, POLLIN, 0};
    const __kernel_timespec limit = {limitMs / 1000, limitMs % 1000 * 1'000'000};
    if (sys(__NR_ppoll, address(&go), 1, address(&limit), 0, 0) > 0) return;
    context.isTimeOver = true;
    (void)sys(__NR_kill, -1, SIGKILL);  // fails only if all have ended
    (void)sys(__NR_kill, 0, SIGCONT);
  }
}

}  // namespace

void standFor(long child, PlanContext& context) {
  // If the parent is gone or cannot be told, the launch has failed.
  if (context.isChild && endWithParent() < 0) quit(kStatusLost);
  // A parent that died before the call above sends no signal. In a pid namespace of its own this process cannot see its parent, and a
  // child that the service starts at the same moment has a copy of the pipe, until it executes its launcher: so telling may succeed.
  const bool isWatched = context.tellsEnd && context.goFd < 0;
  if (const long watched = isWatched ? watchReader(context.statusFd) : 0; watched < 0) {
    (void)tell(context.statusFd, {kNoStep, PHASE_EXECUTE, static_cast<int32_t>(-watched), 0});
    quit(kStatusLost);
  }
  if (context.statusFd >= 0 && tell(context.statusFd, {kNoStep, PHASE_EXECUTE, 0, 0}) < 0) quit(kStatusLost);
  limitStart(context);
  // Nothing is reaped before the process outside can get signals from this one.
  if (awaitParent(context) < 0) quit(kStatusLost);
  // If this process kept its descriptors, the reader of a pipe would not see its end. Other threads may use the descriptors, so
  // with threads they stay open.
  int kept[2 + kMostWatched] = {context.lockFd, context.tellsEnd ? context.statusFd : -1};
  for (uint32_t i = 0; i < context.watchedCount; i++) kept[2 + i] = context.watched[i];
  if (!context.hasThreads) closeAllBut(kept, 2 + context.watchedCount);
  if (!context.tellsEnd) endAs(child);
  EndTeller teller = {{tellEnd, 0, isWatched ? context.statusFd : -1}, &context};
  endAs(child, &teller);
}

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

}  // namespace uchroot
