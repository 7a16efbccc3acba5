// main() of the launcher: a static executable without libc that a service starts, as root and by
// descriptor, in its own memory. It takes a plan, runs it, and becomes the program.
//
// With `wait` it waits for a program, and ends with its status: see waitFor(). With `relay` it waits for a program's first call: see
// relaystart.h; argv: the command's pid, the number of sockets, and the words of the relay.
// With `report` it reports what a program was denied (denials.h).
//
//   argv[1]: the first of the descriptors in a row: status pipe, jail directory, and a sealed file with the plan if
//            there is no environment
//   argv[2]: the size of the plan in bytes
//   argv[3], argv[4]: for an isolated program, the number of kept namespaces to join, and a letter for each other descriptor; they come
//            after these. m: a mount namespace to start from; n: an unused network namespace to join; g: a pipe by which the parent
//            says that it is ready; t: the same, with PlanContext.mostStartMs in it; i: a socket by which the plan asks for its id maps; o: one to which it
//            sends sockets
//   envp[0]: a plan with each of its bytes changed by the first one (exclusive or), so that none is 0

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#include <asm/errno.h>
#include <asm/mman.h>
#include <asm/signal.h>

#include "../plan/interpreter.h"
#include "../plan/mask.h"
#include "../plan/steps.h"
#include "decimal.h"
#include "denials.h"
#include "limitwatch.h"
#include "relay.h"
#include "relaystart.h"
#include "start.h"
#include "../plan/syscall.h"

using namespace uchroot;

namespace {

[[noreturn]] void fail(long statusFd, const PlanFailure& failure) {
  // If this fails, nobody can be told. The service sees a missing record: the launcher died.
  (void)sys(__NR_write, statusFd, address(&failure), sizeof failure);
  for (;;) sys(__NR_exit_group, 127);
}

// A decimal number, or -1.
long parseNumber(const char* text) {
  if (text == nullptr || *text == 0) return -1;
  long value = 0;
  for (; *text != 0; text++) {
    if (*text < '0' || *text > '9' || value > 1'000'000'000'000'000) return -1;
    value = value * 10 + (*text - '0');
  }
  return value;
}

struct Plan {
  void* start;
  uint32_t sizeBytes;
};

// The size is the end of the sealed file, so lseek and mmap are enough to read it.
Plan mapPlan(long planFd, long statusFd) {
  const long sizeBytes = sys(__NR_lseek, planFd, 0, 2 /* SEEK_END */);
  if (sizeBytes < 0) fail(statusFd, {kNoStep, PHASE_LOAD, static_cast<int32_t>(-sizeBytes), 0});
  if (sizeBytes > kPlanMaxBytes) fail(statusFd, {kNoStep, PHASE_CHECK, E2BIG, 0});
  const long mapped = sys(__NR_mmap, 0, sizeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, planFd, 0);
  if (mapped < 0 && mapped > -4096) fail(statusFd, {kNoStep, PHASE_LOAD, static_cast<int32_t>(-mapped), 0});
  return {reinterpret_cast<void*>(mapped), static_cast<uint32_t>(sizeBytes)};
}

// A variable that holds the pid of the program, with spaces in place of it (lib/launch/host/environment.ts, pidToCome).
constexpr const char* kPidVariables[] = {"LISTEN_PID=          ", "WATCHDOG_PID=          "};

bool equal(const char* a, const char* b) {
  for (; *a == *b; a++, b++) {
    if (*a == 0) return true;
  }
  return false;
}

uint32_t nameLength(const char* entry) {
  uint32_t length = 0;
  while (entry[length] != '=') length++;
  return length + 1;
}

// The program gets the pid of this process, which becomes the program: sd_listen_fds(3), sd_watchdog_enabled(3).
void fillInPid(void* plan) {
  Steps steps(plan);
  while (PlanStep* step = steps.next()) {
    if ((step->flags & STEP_PROGRAM) == 0) continue;
    const uint64_t* environment = reinterpret_cast<const uint64_t*>(dataOf(step)) + 1 + step->a + 1;
    for (uint64_t i = 0; i < step->b; i++) {
      char* entry = static_cast<char*>(plan) + environment[i];
      for (const char* wanted : kPidVariables) {
        if (equal(entry, wanted)) *putNumber(entry + nameLength(wanted), sys(__NR_getpid)) = 0;
      }
    }
  }
}

constexpr uint32_t bit(int capability) { return 1u << capability; }

// Without ids, those of the caller stay: an ordinary user can have no others.
long becomeUser(long uid, long gid, uint32_t kept) {
  long result = uid < 0 ? 0 : sys(__NR_setgroups, 0, 0);
  if (result >= 0 && kept != 0) result = sys(__NR_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (result >= 0 && uid >= 0) result = sys(__NR_setresgid, gid, gid, gid);
  if (result >= 0 && uid >= 0) result = sys(__NR_setresuid, uid, uid, uid);
  const CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {{kept, kept, 0}, {}}};
  return result < 0 ? result : sys(__NR_capset, address(&sets.header), address(sets.data));
}

// A process with this parent can be neither read nor stopped by the other processes of its user (PR_SET_DUMPABLE(2const)).
void becomeWaiter(const char* const* argv, uint32_t kept) {
  const long uid = parseNumber(argv[2]), gid = parseNumber(argv[3]), parent = parseNumber(argv[4]);
  if (becomeUser(uid, gid, kept) < 0 || sys(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) quit(125);
  if (parent > 0 && setParentDeathSignal(SIGKILL, parent) < 0) quit(125);
  const uint8_t ready = 0;
  (void)writeAll(parseNumber(argv[5]), &ready, 1);  // fails only if the init is gone: its status is read next
}

// The command `uchroot` becomes this process after it has started a program that needs a process which waits. The pid stays, the
// status is the program's, and signals reach it. argv: `wait`, child, uid, gid (both empty for a rootless launch), the parent with
// which it ends or 0, and the pipe by which an init learns that this process is ready.
//
// The child is the init of a pid namespace, and this process has the rights of the program's user, which it needs to send signals
// to it and to get them.
[[noreturn]] void waitFor(const char* const* argv) {
  becomeWaiter(argv, 0);
  (void)sys(__NR_close_range, 0, ~0u, 0);
  endAs(parseNumber(argv[1]));
}

// A reader of the program's output sees its end; what ended the program is told on descriptor 2.
void closeOthers(const LimitWatch& watch, long lockFd) {
  (void)sys(__NR_close_range, 0, 1, 0);
  const long kept[] = {watch.recordFd, watch.resultFd, lockFd};
  for (long first = 3;;) {
    long next = -1;
    for (const long fd : kept) {
      if (fd >= first && (next < 0 || fd < next)) next = fd;
    }
    if (next != first) (void)sys(__NR_close_range, first, next < 0 ? ~0u : next - 1, 0);
    if (next < 0) return;
    first = next + 1;
  }
}

// The same for a launch with limits (limitwatch.h) or with a terminal (relay.h), whose master takes the place of `wait`. argv, behind
// these: the pipe in which an init tells how its program has ended,
// the time in milliseconds, and the limit of CPU time in milliseconds; 0: none.
//
// The child may be the program itself, which must not end this process first: then uid and gid are 0. A cgroup belongs to root, or to
// whom it was delegated.
[[noreturn]] void watchLimits(const char* const* argv, const char* const* environment) {
  char* space = static_cast<char*>(__builtin_alloca(sizeOfStrings(environment)));
  LimitWatch watch = readWatch(environment, space);
  const long uid = parseNumber(argv[2]), master = parseNumber(argv[0]);
  Relay relay;
  if (master >= 0 && startGuard(&relay) < 0) quit(125);
  const long child = parseNumber(argv[1]), milliseconds = parseNumber(argv[7]), cpus = parseNumber(watch.cpus);
  watch.hasTime = milliseconds > 0;
  watch.resultFd = parseNumber(watch.result);
  watch.cpuUs = parseNumber(argv[8]) * 1000;
  const ClockLimits limits = {milliseconds, static_cast<int>(parseNumber(watch.killSignal)), cpus > 0 ? watch.cpuUs : 0, cpus};
  constexpr uint32_t kRights = bit(CAP_DAC_OVERRIDE) | bit(CAP_KILL);
  if (limits.timeMs > 0 || limits.cpuUs > 0) {
    // before the ids change: the clock keeps root's
    const long started = startClock(&watch.clock, watch.recipe, child, limits, uid < 0 ? 0 : kRights);
    if (started < 0) endUnwatched(&watch, child, started);
    watch.clockPid = watch.clock.pid;
    relay.clock = &watch.clock;
  }
  becomeWaiter(argv, uid == 0 || (uid > 0 && watch.recipe.bytes > 0) ? kRights : 0);
  watch.recordFd = parseNumber(argv[6]);
  const long lockFd = parseNumber(watch.lockFd);
  if (master < 0) {
    closeOthers(watch, lockFd);
  } else {
    // standard error stays where it is
    long none = -1, *resultFd = watch.resultFd == 2 ? &none : &watch.resultFd;
    if (openRelay(&relay, master, &watch.recordFd, resultFd, lockFd) < 0) quit(125);
  }
  endAs(child, &watch, master < 0 ? nullptr : &relay);
}

// argv[4]. False: what should be in a pipe is not there.
bool takeDescriptors(const char* letters, int next, PlanContext* context) {
  for (; *letters != 0; letters++, next++) {
    if (*letters == 'm') context->seedFd = next;
    if (*letters == 'n') context->networkFd = next;
    if (*letters == 'g' || *letters == 't') context->goFd = next;
    if (*letters == 'i') context->mapFd = next;
    if (*letters == 'o') context->outboundFd = next;
    constexpr long kBytes = sizeof context->mostStartMs;
    if (*letters == 't' && sys(__NR_read, next, address(&context->mostStartMs), kBytes) != kBytes) return false;
  }
  return true;
}

}  // namespace

extern "C" [[noreturn]] [[gnu::used]] void launcherMain(const long* stack) {
  const long argc = stack[0];
  const char* const* argv = reinterpret_cast<const char* const*>(stack + 1);
  if (argc > 4 && equal(argv[1], "relay"))
    relayWhenCalled(parseNumber(argv[2]), parseNumber(argv[3]), argc - 4, argv + 4, argv + argc + 1);
  if (argc == 7) waitFor(argv + 1);
  if (argc == 8) reportDenials(argv + 2);
  if (argc == 10) watchLimits(argv + 1, argv + argc + 1);
  const bool isWhole = argc == 3 || argc == 5;
  const long first = isWhole ? parseNumber(argv[1]) : -1;
  const long size = isWhole ? parseNumber(argv[2]) : -1;
  if (first < 3 || size < 0) {
    static const char message[] = "uchroot-launcher: started by uchroot only\n";
    (void)sys(__NR_write, 2, address(message), sizeof message - 1);
    for (;;) sys(__NR_exit_group, 125);
  }
  const long statusFd = first, jailFd = first + 1;
  const char* masked = argv[argc + 1];
  Plan plan;
  if (masked == nullptr) {
    plan = mapPlan(first + 2, statusFd);
  } else {
    const uint32_t sizeBytes = static_cast<uint32_t>(size);
    // A plan must be aligned, and the string may start at any address, so it is copied to the stack.
    char* bytes = static_cast<char*>(__builtin_alloca_with_align(sizeBytes, 64));
    applyMask(bytes, masked + 1, sizeBytes, masked[0]);
    plan = {bytes, sizeBytes};
  }
  if (!checkPlan(plan.start, plan.sizeBytes)) fail(statusFd, {kNoStep, PHASE_CHECK, EINVAL, 0});

  // The plan marks all descriptors above 2 close-on-exec, these too: at the end of the status pipe the service knows that the
  // program runs.
  const long spaces = argc == 5 ? parseNumber(argv[3]) : 0;
  const uint32_t flags = static_cast<PlanHeader*>(plan.start)->flags;
  const bool isInit = (flags & PLAN_CLONED) != 0;
  PlanContext context = {.jailFd = static_cast<int>(jailFd),
                         .statusFd = static_cast<int>(statusFd),
                         .spacesFd = static_cast<int>(spaces > 0 ? first + 3 : -1),
                         .tellsEnd = isInit,
                         .sharesMemory = isInit && (flags & PLAN_SHARES_MEMORY) != 0};
  if (argc == 5 && !takeDescriptors(argv[4], static_cast<int>(first + 3 + spaces), &context))
    fail(statusFd, {kNoStep, PHASE_LOAD, EIO, 0});
  fillInPid(plan.start);
  fail(statusFd, runPlan(plan.start, context));
}

UCHROOT_START("launcherMain")
