// Runs a plan with raw system calls: each op is one case. It does not allocate memory, look up names or call libc.
// scripts/check-symbols checks its object file for that.

#include "interpreter.h"

#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/resource.h>

#include "steps.h"
#include "syscall.h"

namespace uchroot {
namespace {

bool endsInNul(const PlanStep* step) {
  return step->dataBytes > 0 && dataOf(step)[step->dataBytes - 1] == 0;
}

// How many strings the data consists of; bytes behind the last NUL do not count.
uint32_t countStrings(const PlanStep* step) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < step->dataBytes; i++) count += dataOf(step)[i] == 0;
  return count;
}

bool endsInEmpty(const PlanStep* step) {
  return endsInNul(step) && (step->dataBytes == 1 || dataOf(step)[step->dataBytes - 2] == 0);
}

// The length of the second of at least two strings.
uint32_t targetBytes(const PlanStep* step) {
  const uint8_t* data = dataOf(step);
  uint32_t start = 0;
  while (data[start++] != 0) continue;
  uint32_t end = start;
  while (data[end] != 0) end++;
  return end - start;
}

// The table of offsets of OP_EXECVE: program, argv…, 0, envp…, 0.
bool checkExecve(const PlanStep* step, uint32_t dataOffset) {
  if (step->a < 1 || step->a > kPlanMaxBytes || step->b > kPlanMaxBytes) return false;
  const uint64_t slots = 1 + step->a + 1 + step->b + 1;
  if (slots * 8 >= step->dataBytes || !endsInNul(step)) return false;
  const uint64_t* slot = reinterpret_cast<const uint64_t*>(dataOf(step));
  const uint64_t firstString = dataOffset + slots * 8;
  const uint64_t end = static_cast<uint64_t>(dataOffset) + step->dataBytes;
  for (uint64_t i = 0; i < slots; i++) {
    const bool terminator = i == 1 + step->a || i == slots - 1;
    if (terminator ? slot[i] != 0 : slot[i] < firstString || slot[i] >= end) return false;
  }
  return true;
}

bool checkStep(const PlanStep* step, uint32_t dataOffset) {
  if (((step->flags & STEP_PROGRAM) != 0) != (step->op == OP_EXECVE)) return false;
  if (((step->flags & STEP_KEPT_USER) != 0) != (step->op == OP_JOIN_USER_NAMESPACE)) return false;
  if ((step->flags & STEP_PROGRAM) != 0 && (step->flags & STEP_DONE) != 0) return false;
  switch (step->op) {
    case OP_RLIMIT:
      return step->dataBytes == sizeof(Limit) && step->a < RLIM_NLIMITS && step->b <= RLIMIT_CAP;
    case OP_STDIO:
      return step->dataBytes == 0 && step->a <= 2 && step->b <= 1;
    case OP_OPEN_PTY:
    case OP_CHDIR:
    case OP_MKDIR:
    case OP_MKNOD:
    case OP_WATCH_SPACE:
      return countStrings(step) == 1;
    case OP_MOVE_MOUNT:
      return countStrings(step) == 1 && step->a < kMaxTrees && step->b >> 32 < step->dataBytes;
    case OP_COVER_FILE:
    case OP_TEXT_FILE:
      return countStrings(step) == 1;
    case OP_NEW_TREE:
      return countStrings(step) == 1 && step->a < kMaxTrees;
    case OP_MAP_TREE:
    case OP_UNIX_DOOR:
      return step->dataBytes == 0 && step->a < kMaxTrees;
    case OP_OPEN_TREE:
      return (step->dataBytes == 0 || countStrings(step) == 1) && step->a < kMaxTrees;
    case OP_PIVOT_ROOT:
      return static_cast<uint32_t>(step->a) < kMaxTrees && (step->b < kMaxTrees || step->b == ~0ull) &&
             (step->dataBytes == 0 || (countStrings(step) % 2 == 1 && endsInEmpty(step)));
    case OP_BIND:
    case OP_BIND_IF_THERE:
    case OP_SYMLINK:
      return countStrings(step) == 2;
    case OP_MOUNT:
      return countStrings(step) >= 3 && countStrings(step) % 2 == 1 && endsInEmpty(step) &&
             step->b >> 32 <= targetBytes(step);
    case OP_MAP_IDS:
      return endsInNul(step) && countStrings(step) % 3 == 1;
    case OP_SEND_NAMESPACES:
      return endsInNul(step) && countStrings(step) <= kMaxSpaces;
    case OP_SETHOSTNAME:
      return step->dataBytes > 0 && step->dataBytes <= 64;
    case OP_SYSCTL:
      return countStrings(step) > 0 && !endsInNul(step);
    case OP_SETNS:
      return step->dataBytes % 4 == 0 && step->dataBytes / 4 <= kMaxSpaces;
    case OP_SETGROUPS:
      return step->dataBytes % 4 == 0 && step->dataBytes / 4 <= 65536;
    case OP_VERIFY_GROUPS:
      return step->dataBytes % 8 == 0 && step->dataBytes / 8 <= 65536;
    case OP_SECCOMP:
      return step->dataBytes % sizeof(sock_filter) == 0 && step->dataBytes > 0 &&
             step->dataBytes / sizeof(sock_filter) <= BPF_MAXINSNS &&
             (step->a & ~(SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER)) == 0;
    case OP_WRITE:
      return step->dataBytes > 0;
    case OP_LANDLOCK_RULESET:
      return step->dataBytes == kRulesetAttributeBytes;
    case OP_LANDLOCK_RULE:
      return step->b == LANDLOCK_PORTS ? step->dataBytes % 4 == 0 && step->dataBytes > 0 && step->dataBytes / 4 <= 65536
                                       : step->b <= LANDLOCK_PATH_IF_THERE && countStrings(step) == 1;
    case OP_NICE:
      return step->dataBytes == 0 && step->a < 20;
    case OP_OOM_SCORE_ADJ:
      return step->dataBytes <= 4 && step->a <= 1000;
    case OP_SCHED_SETAFFINITY:
      return step->dataBytes % 8 == 0 && step->dataBytes <= kMostCpus / 8 && step->a <= 1 && (step->dataBytes > 0 || step->a == 1);
    case OP_NETLINK:
      return step->dataBytes > 0;
    case OP_HAND_SOCKETS:
      return step->dataBytes % sizeof(ListenSpec) == 0 && step->dataBytes > 0 && step->dataBytes / sizeof(ListenSpec) <= kMostSockets;
    case OP_CGROUP:
      return (step->flags & STEP_CGROUP) != 0 && endsInNul(step);
    case OP_EXECVE:
      return checkExecve(step, dataOffset);
    default:
      return step->op >= OP_KEYCTL_JOIN_SESSION && step->op <= kLastOp && step->dataBytes == 0;
  }
}

long execute(uint8_t* plan, PlanStep* step, const PlanContext& context) {
  uint64_t* slot = reinterpret_cast<uint64_t*>(dataOf(step));
  const uint64_t slots = 1 + step->a + 1 + step->b + 1;
  for (uint64_t i = 0; i < slots; i++) {
    if (slot[i] != 0) slot[i] = reinterpret_cast<uint64_t>(plan + slot[i]);
  }
  const void* own = slot + 1 + step->a + 1;
  if (context.isChild) {
    if (const long set = endWithParent(); set < 0) return set;
    if (const long ready = awaitParent(context); ready < 0) return ready;
  }
  if (context.statusFd >= 0) {
    if (const long told = tell(context.statusFd, {kNoStep, PHASE_EXECUTE, 0, 0}); told < 0) return told;
  }
  const long program = static_cast<long>(slot[0]), argv = address(slot + 1), environment = address(context.environment ? context.environment : own);
  // execve(2) is notified, and the listener may not be heard yet
  if (context.isHeard) return sys(__NR_execveat, AT_FDCWD, program, argv, environment, 0);
  return sys(__NR_execve, program, argv, environment);
}

}  // namespace

bool checkPlan(const void* plan, uint32_t sizeBytes) {
  if (plan == nullptr || sizeBytes < sizeof(PlanHeader) || sizeBytes > kPlanMaxBytes) return false;
  const uint8_t* bytes = static_cast<const uint8_t*>(plan);
  const PlanHeader* header = static_cast<const PlanHeader*>(plan);
  if (header->magic != kPlanMagic || header->sizeBytes != sizeBytes) return false;
  if ((header->flags & ~kPlanFlags) != 0) return false;
  if (header->stages == 0 || header->stages > kPlanMaxStages) return false;
  uint32_t offset = sizeof(PlanHeader);
  uint32_t steps = 0;
  for (uint32_t left = header->stages; left > 0; left--) {
    if (sizeBytes - offset < sizeof(PlanStage)) return false;
    const PlanStage* stage = reinterpret_cast<const PlanStage*>(bytes + offset);
    offset += sizeof(PlanStage);
    if (stage->reserved != 0 || stage->steps == 0 || stage->steps > kPlanMaxSteps - steps) return false;
    steps += stage->steps;
    for (uint32_t i = 0; i < stage->steps; i++) {
      if (sizeBytes - offset < sizeof(PlanStep)) return false;
      const PlanStep* step = reinterpret_cast<const PlanStep*>(bytes + offset);
      offset += sizeof(PlanStep);
      if (step->dataBytes > sizeBytes - offset || padded(step->dataBytes) > sizeBytes - offset) return false;
      if (!checkStep(step, offset)) return false;
      // execve must be the last step of the last stage, and only there.
      if ((step->op == OP_EXECVE) != (left == 1 && i == stage->steps - 1)) return false;
      offset += padded(step->dataBytes);
    }
  }
  return offset == sizeBytes;
}

long runStep(void* plan, PlanStep* step, PlanContext& context, uint32_t* detail) {
  const long a = static_cast<long>(step->a);
  const long b = static_cast<long>(step->b);
  switch (step->op) {
    case OP_KEYCTL_JOIN_SESSION: return joinSession();
    case OP_SETSID: return newSession();
    case OP_SETPGID: return newGroup(step->a == 1);
    case OP_UMASK: return setUmask(step->a, step->b == 1);
    case OP_RLIMIT: return setLimit(step);
    case OP_NICE: return raiseNice(a);
    case OP_OOM_SCORE_ADJ: return raiseOomScoreAdj(step);
    case OP_SCHED_SETAFFINITY: return narrowAffinity(step);
    case OP_CGROUP: return -EOPNOTSUPP;
    case OP_SCHEDULER: return dropRealtime();
    case OP_IOPRIO: return dropIoRealtime();
    case OP_PERSONALITY: {
      const long previous = sys(__NR_personality, a);
      return previous < 0 ? previous : 0;
    }
    case OP_SETITIMER: return stopTimer(a);
    case OP_STDIO: return keepStdio(a, b == 1, &context.nullFd);
    case OP_CLOSE_RANGE: return closeOnExec(a, context.jailFd);
    case OP_KEEP_FD: return keepDescriptor(a);
    case OP_KEEP_LISTEN_FDS: return keepListenFds(context.listenFds, detail);
    case OP_OPEN_PTY: return openPty(step, context.jailFd);
    case OP_CONTROLLING_TTY: return sys(__NR_ioctl, 0, TIOCSCTTY, 0);
    case OP_FCHDIR_JAIL: return sys(__NR_fchdir, context.jailFd);
    case OP_CHROOT: return sys(__NR_chroot, address("."));
    case OP_CHDIR: return sys(__NR_chdir, address(dataOf(step)));
    case OP_CAPBSET_DROP: return dropBoundingSet(step->a, detail);
    case OP_CAP_AMBIENT_CLEAR: return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    case OP_SECUREBITS: return resetSecurebits();
    case OP_SETGROUPS: return sys(__NR_setgroups, step->dataBytes / 4, address(dataOf(step)));
    case OP_SETRESGID: return sys(__NR_setresgid, a, a, a);
    case OP_SETRESUID: return sys(__NR_setresuid, a, a, a);
    case OP_CAPSET: return setCapabilities(step->a, step->b);
    case OP_CAP_AMBIENT_RAISE: return raiseAmbient(step->a, detail);
    case OP_PRCTL: return prctl(a, b);
    case OP_SECCOMP: return installFilter(step, context);
    case OP_PARENT_DEATH_SIGNAL: return setParentDeathSignal(a, b);
    case OP_VERIFY_UID: return verifyIds(__NR_getresuid, __NR_setfsuid, step->a);
    case OP_VERIFY_GID: return verifyIds(__NR_getresgid, __NR_setfsgid, step->a);
    case OP_VERIFY_GROUPS: return verifyGroups(step);
    case OP_VERIFY_CAPS: return verifyCapabilities(step->a);
    case OP_VERIFY_NO_WAY_BACK: return verifyNoWayBack();
    case OP_VERIFY_SECCOMP: return verifySeccomp();
    case OP_VERIFY_NO_NEW_PRIVS: return verifyNoNewPrivs();
    case OP_VERIFY_CWD: return verifyCwd(context.jailFd);
    case OP_RESET_SIGNALS: return resetSignals(a);
    case OP_WRITE: return writeWithoutSignal(a, dataOf(step), step->dataBytes);
    case OP_UNSHARE: return makeNamespaces(a, b == 1, context);
    case OP_SETNS: return joinSpaces(step, context);
    case OP_LOOPBACK_UP: return raiseLoopback();
    case OP_SETHOSTNAME: return sys(__NR_sethostname, address(dataOf(step)), step->dataBytes);
    case OP_SYSCTL: return writeFile(step);
    case OP_OPEN_TREE: return openTree(step, context);
    case OP_PIVOT_ROOT: return pivotRoot(step, context);
    case OP_MOVE_MOUNT: return moveTree(step, context);
    case OP_MOUNT: return mountType(step, context);
    case OP_BIND: return bindPath(step, true, context);
    case OP_BIND_IF_THERE: return bindPath(step, false, context);
    case OP_MKDIR: return makeDirectory(step, context);
    case OP_MKNOD: return makeNode(step);
    case OP_SYMLINK: return makeLink(step);
    case OP_WATCH_SPACE: return watchSpace(step, context);
    case OP_LOCK_DIRECTORY: return lockHere(context);
    case OP_MAP_TREE: return mapTree(step, context);
    case OP_REOPEN_JAIL: return reopenJail(context);
    case OP_MAP_IDS: return awaitMap(context.mapFd);
    case OP_NEW_TREE: return newTree(step, context);
    case OP_OPEN_NAMESPACES: return openSpaces(context);
    case OP_SEND_NAMESPACES: return sendSpaces(step, context);
    case OP_NETLINK: return tellKernel(step, context);
    case OP_HAND_SOCKETS: return handSockets(step, context);
    case OP_COVER_FILE: return coverFile(step, context);
    case OP_TEXT_FILE: return makeTextFile(step, context);
    case OP_UNIX_DOOR: return openDoor(step, context);
    case OP_LANDLOCK_RULESET: return createRuleset(step, context, detail);
    case OP_LANDLOCK_RULE: return addRule(step, context, detail);
    case OP_LANDLOCK_RESTRICT: return restrictSelf(step, context);
    case OP_VERIFY_LANDLOCK: return a == 1 ? verifyTcpFilter() : verifyLandlock(step, context);
    case OP_EXECVE: return execute(static_cast<uint8_t*>(plan), step, context);
    default: return -ENOSYS;
  }
}

bool advance(void* plan, PlanStep* step, uint32_t place, PlanContext& context, PlanFailure* failure) {
  if (context.progress != nullptr) {
    if ((step->flags & STEP_PROGRAM) != 0) {
      const long ready = context.isChild ? awaitParent(context) : 0;
      *failure = {kNoStep, PHASE_EXECUTE, static_cast<int32_t>(-ready), 0};
      return false;
    }
    context.progress->step = place;
    context.progress->op = step->op;
  }
  if ((step->flags & STEP_DONE) != 0) return true;
  uint32_t detail = 0;
  const long result = runStep(plan, step, context, &detail);
  if (result < 0) *failure = {place, step->op, static_cast<int32_t>(-result), detail, step->flags};
  return result >= 0;
}

PlanFailure runStages(const Stages& stages, PlanContext& context) {
  void* plan = stages.plan;
  PlanStep* step = firstStep(stages.first);
  uint32_t place = stages.place;
  for (uint32_t i = 0; i < stages.first->steps; i++, place++, step = nextStep(step)) {
    if ((step->flags & STEP_AFTER_FORK) != 0) continue;
    PlanFailure failure;
    if (!advance(plan, step, place, context, &failure)) return leave(context, failure);
  }
  // execve does not return, so this is reached only if the plan has no execve.
  if (stages.count == 1) return leave(context, {kNoStep, PHASE_CHECK, EINVAL, 0});
  return leave(context, forkStage(stages, {plan, reinterpret_cast<PlanStage*>(step), stages.count - 1, place}, context));
}

PlanFailure runPlan(void* plan, PlanContext& context) {
  int trees[kMaxTrees], watched[kMostWatched];
  context.trees = trees;
  context.watched = watched;
  return runStages({plan, firstStage(plan), static_cast<PlanHeader*>(plan)->stages, 0}, context);
}

}  // namespace uchroot
