// Watches the limits of a launch for which this process waits; see limitwatch.h.

#include "limitwatch.h"

#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/time.h>
#include <linux/wait.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>

#include "../plan/syscall.h"
#include "descendants.h"
#include "result.h"

namespace uchroot {
namespace {

// Killed processes need some time to leave a cgroup. One that hangs in the kernel can need longer: then the next launch with limits
// removes the cgroup.
constexpr int kTries = 400;
constexpr int64_t kPauseNs = 5'000'000;

uint64_t lengthOf(const char* text) {
  uint64_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

bool isWords(const char* string) { return *string >= 'a' && *string < 'a' + kLimits; }

bool hasCgroup(const LimitWatch* watch) { return watch->recipe.bytes > 0; }

// Reads what the cgroup has counted, kills what is left in it, and removes it.
void endCgroup(const CgroupRecipe& recipe, CgroupUse* use) {
  readCgroup(recipe, use);
  // it is empty nearly always, and to kill nobody takes time
  if (removeCgroup(recipe) != -EBUSY) return;
  killCgroup(recipe);
  readCgroup(recipe, use);
  use->isLeft = true;
  for (int left = kTries; removeCgroup(recipe) == -EBUSY && left > 0; left--) {
    const __kernel_timespec pause = {0, kPauseNs};
    (void)sys(__NR_nanosleep, address(&pause), 0);
    killCgroup(recipe);
  }
}

// The pids of the children of this process, which has one thread (proc_tid_children(5)). Returns how many bytes of text there are.
long readChildren(char* text, long bytes) {
  const long fd = sys(__NR_openat, AT_FDCWD, address("/proc/thread-self/children"), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fd;
  const long got = sys(__NR_read, fd, address(text), bytes);
  (void)sys(__NR_close, fd);  // nothing was written
  return got;
}

// Without a cgroup and without an init: what the program has started became a child of this process when its parent ended (exec.cc,
// startAndWait()). Children of those that are killed come after them.
void killOrphans() {
  stopDescendants();
  for (int left = kTries; left > 0; left--) {
    char text[4096];
    const long got = readChildren(text, sizeof text);
    long pid = 0;
    for (long i = 0; i < got; i++) {
      const bool isDigit = text[i] >= '0' && text[i] <= '9';
      if (!isDigit && pid > 0) (void)sys(__NR_kill, pid, SIGKILL);  // a child that is not reaped keeps its pid
      pid = isDigit ? pid * 10 + (text[i] - '0') : 0;
    }
    long ended;
    do {
      ended = sys(__NR_wait4, -1, 0, WNOHANG | __WALL, 0);
    } while (ended > 0 || ended == -EINTR);
    if (ended == -ECHILD) return;
    const __kernel_timespec pause = {0, kPauseNs};
    (void)sys(__NR_nanosleep, address(&pause), 0);
  }
}

// How the program has ended: its wait status, and of an init FullFlag and the largest process. The init itself ends with 128 and a signal.
struct Ended {
  int status;
  uint32_t full;
  int64_t largestKib;
  bool isTold;  // by an init
};

Ended readEnd(const LimitWatch* watch, int status) {
  PlanFailure record;
  const bool isThere = watch->recordFd >= 0 && sys(__NR_read, watch->recordFd, address(&record), sizeof record) == sizeof record;
  if (!isThere || record.op != PHASE_ENDED) return {status, 0, -1, false};
  return {static_cast<int>(record.detail), record.flags, record.step, true};
}

// A program can send SIGXCPU to itself. A limit is a second at least (getrlimit(2), RLIMIT_CPU), and the kernel counts ticks for it.
bool hasUsed(const LimitWatch* watch, int64_t cpuUs) {
  const int64_t limitUs = watch->cpuUs > 0 ? watch->cpuUs : 1'000'000;
  return cpuUs >= limitUs / 2;
}

bool isTimeOver(const LimitWatch* watch, const Ended& ended) {
  return watch->clock.has(kTimeOver) || (watch->hasTime && (ended.full & FULL_TIME) != 0);
}

bool isCpuOver(const LimitWatch* watch, const Ended& ended) {
  return watch->clock.has(kCpuOver) || (!watch->hasTime && (ended.full & FULL_TIME) != 0);
}

// The same rules as in lib/launch/process/limit.ts. kLimits: no limit.
LimitKind limitOf(const LimitWatch* watch, const Ended& ended, int64_t cpuUs, const CgroupUse& use) {
  const int status = ended.status;
  const int signal = status & 0x7f;
  if (status == 0) return kLimits;
  if (use.numbers[kOomKills] > 0) return kMemory;
  const bool isCpu = isCpuOver(watch, ended);
  if (isCpu || isTimeOver(watch, ended)) return use.numbers[kRefusedForks] > 0 ? kPids : isCpu ? kCpuTime : kTime;
  if (signal == SIGXCPU && hasUsed(watch, cpuUs)) return kCpuTime;
  if (signal == SIGXFSZ) return kFileSize;
  if (signal == SIGSYS && watch->words[kCall] != nullptr) return kCall;
  if (signal == SIGKILL && watch->cpuUs > 0 && cpuUs >= watch->cpuUs) return kCpuTime;
  // somebody else has ended it
  const bool isEnded = signal == SIGKILL || (signal > 0 && (watch->signals >> (signal - 1) & 1) != 0);
  if (isEnded) return kLimits;
  if (use.numbers[kRefusedForks] > 0) return kPids;
  if ((ended.full & FULL_BLOCKS) != 0) return kDisk;
  return (ended.full & FULL_INODES) != 0 ? kInodes : kLimits;
}

// In one piece, so that it does not mix with the lines of other processes.
void tellWords(const char* words) {
  static const char begin[] = "uchroot: the program was ended: ", end[] = "\n";
  const struct {
    const void* base;
    uint64_t bytes;
  } parts[] = {{begin, sizeof begin - 1}, {words, lengthOf(words)}, {end, 1}};
  (void)sys(__NR_writev, 2, address(parts), 3);  // nobody is left to tell
}

int64_t microseconds(const __kernel_old_timeval& time) { return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec; }

// In the order of LimitKind; the names of LimitName in lib/errors.ts.
constexpr const char* kNames[] = {"memory", "pids", "time", "cpu time", "file size", "disk", "inodes", "call"};

// Without this process the program cannot go on. nullptr: none was ended.
const char* helperThatFailed(const LimitWatch* watch) {
  return watch->isUnwatched    ? "the process that watches its time (--time, --cpu-time) was killed or stopped"
         : watch->isUnreported ? "the process that reports what it is denied (--report-denials) was ended"
                               : nullptr;
}

// `failed`: what the program could not go on without, in words, or nullptr.
void account(const LimitWatch* watch, const Ended& ended, LimitKind limit, const char* failed, const rusage& usage,
             const CgroupUse& use) {
  if (watch->resultFd < 0) return;
  const int64_t *numbers = use.numbers, user = microseconds(usage.ru_utime), system = microseconds(usage.ru_stime);
  const int64_t all = cpuUsOf(use);
  const bool isLimited = limit != kLimits;
  const bool isLeft = use.isLeft || (ended.full & FULL_LEFT) != 0;
  writeResult(watch->resultFd, {.status = ended.status,
                                .isTimeOver = limit == kCpuTime || isTimeOver(watch, ended) || isCpuOver(watch, ended),
                                .isKilled = isLimited && (ended.status & 0x7f) != 0,
                                .limit = isLimited ? kNames[limit] : nullptr,
                                .message = isLimited ? watch->words[limit] : failed,
                                .wallUs = nowUs() - watch->startUs,
                                .userUs = numbers[kUserUs] >= 0 ? numbers[kUserUs] : user,
                                .systemUs = numbers[kSystemUs] >= 0 ? numbers[kSystemUs] : system,
                                .cpuUs = all >= 0 ? all : user + system,
                                .isCpuOfAll = all >= 0,
                                .voluntary = usage.ru_nvcsw,
                                .forced = usage.ru_nivcsw,
                                .blocksIn = usage.ru_inblock,
                                .blocksOut = usage.ru_oublock,
                                .largestKib = ended.largestKib,
                                .peakBytes = numbers[kPeakBytes],
                                .oomKills = numbers[kOomKills],
                                .forks = numbers[kRefusedForks],
                                .isLeft = ended.isTold || hasCgroup(watch) ? isLeft : -1});
}

int end(Watch* base, int status, const rusage& usage) {
  auto* watch = static_cast<LimitWatch*>(base);
  CgroupUse use;
  for (int64_t& number : use.numbers) number = -1;
  endClock(&watch->clock);
  const bool isOver = watch->isUnwatched || watch->clock.has(kTimeOver);  // without a cgroup there is no other limit
  if (hasCgroup(watch)) endCgroup(watch->recipe, &use);
  else if (isOver && watch->recordFd < 0) killOrphans();
  const Ended ended = readEnd(watch, status);
  const LimitKind limit = limitOf(watch, ended, microseconds(usage.ru_utime) + microseconds(usage.ru_stime), use);
  const char* failed = helperThatFailed(watch);
  account(watch, ended, limit, failed, usage, use);
  if (limit != kLimits && watch->words[limit] != nullptr) tellWords(watch->words[limit]);
  while (watch->reporterPid > 0 && sys(__NR_wait4, watch->reporterPid, 0, __WALL, 0) == -EINTR) continue;
  if (failed != nullptr) tellWords(failed);
  return ended.status != 0 && isTimeOver(watch, ended) ? kTimeIsOver : exitStatusOf(ended.status);
}

}  // namespace

void endUnwatched(LimitWatch* watch, long child, long error) {
  // Without CAP_KILL it fails for an init. That ends with this process.
  const bool isKilled = sys(__NR_kill, child, SIGKILL) >= 0;
  int status = SIGKILL;
  rusage usage = {};
  while (isKilled && sys(__NR_wait4, child, address(&status), __WALL, address(&usage)) == -EINTR) continue;
  CgroupUse use;
  for (int64_t& number : use.numbers) number = -1;
  if (hasCgroup(watch)) endCgroup(watch->recipe, &use);
  else if (watch->recordFd < 0) killOrphans();
  const char* words =
      error == -EAGAIN   ? "no process could be started that watches its time (--time, --cpu-time): too many processes"
      : error == -ECHILD ? "the process that watches its time (--time, --cpu-time) was killed or stopped"
      : error == -ENOMEM ? "no process could be started that watches its time (--time, --cpu-time): no memory"
                         : "no process could be started that watches its time (--time, --cpu-time): the kernel or a filter refuses it";
  account(watch, {status, 0, -1, false}, kLimits, words, usage, use);
  tellWords(words);
  static const char hint[] = "hint: raise the limit: ulimit -u, pids.max of the cgroup, TasksMax= of the unit; or give --pids\n";
  if (error == -EAGAIN) (void)sys(__NR_write, 2, address(hint), sizeof hint - 1);
  static const char rights[] = "hint: without --rootless it needs CAP_KILL and CAP_DAC_OVERRIDE\n";
  if (error == -ESRCH) (void)sys(__NR_write, 2, address(rights), sizeof rights - 1);
  quit(125);
}

uint64_t sizeOfStrings(const char* const* strings) {
  uint64_t bytes = 0;
  for (; *strings != nullptr; strings++) bytes += lengthOf(*strings) + 1;
  return bytes;
}

LimitWatch readWatch(const char* const* environment, char* space) {
  LimitWatch watch = {{end}, {space, 0, ""}, {}, nullptr, nullptr, nullptr, -1, 0, -1, 0, nullptr, false, {}};
  for (; *environment != nullptr; environment++) {
    const char* string = *environment;
    if (isWords(string)) {
      watch.words[*string - 'a'] = string + 1;
      continue;
    }
    if (*string == 'L' || *string == 'K' || *string == 'R' || *string == 'C') {
      (*string == 'L' ? watch.lockFd : *string == 'K' ? watch.killSignal : *string == 'R' ? watch.result : watch.cpus) = string + 1;
      continue;
    }
    if (*string == 'S' || *string == 'D') {
      int64_t number = 0;
      for (const char* digit = string + 1; *digit != 0; digit++) number = number * 10 + (*digit - '0');
      if (*string == 'S') watch.startUs = number;
      else watch.reporterPid = number;
      continue;
    }
    if (*string == 'N') watch.recipe.name = string + 1;
    const uint64_t bytes = lengthOf(string) + 1;
    for (uint64_t i = 0; i < bytes; i++) space[watch.recipe.bytes + i] = string[i];
    watch.recipe.bytes += static_cast<uint32_t>(bytes);
  }
  return watch;
}

}  // namespace uchroot
