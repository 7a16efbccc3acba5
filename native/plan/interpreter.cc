// Runs a plan with raw system calls: one op, one case. It allocates nothing, looks up nothing, calls no
// libc; scripts/check-symbols holds its object file to that.

#include "interpreter.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <linux/time.h>

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/resource.h>
#include <asm/signal.h>

#include "syscall.h"

namespace uchroot {
namespace {

struct Limit {
  uint64_t soft;
  uint64_t hard;
};

const uint8_t* dataOf(const PlanStep* step) { return reinterpret_cast<const uint8_t*>(step + 1); }
uint8_t* dataOf(PlanStep* step) { return reinterpret_cast<uint8_t*>(step + 1); }

bool endsInNul(const PlanStep* step) {
  return step->dataBytes > 0 && dataOf(step)[step->dataBytes - 1] == 0;
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
  switch (step->op) {
    case OP_RLIMIT:
      return step->dataBytes == sizeof(Limit) && step->a < RLIM_NLIMITS && step->b <= RLIMIT_SET_SOFT;
    case OP_STDIO:
      return step->dataBytes == 0 && step->a <= 2;
    case OP_CHDIR:
      return endsInNul(step);
    case OP_SETGROUPS:
      return step->dataBytes % 4 == 0 && step->dataBytes / 4 <= 65536;
    case OP_VERIFY_GROUPS:
      return step->dataBytes % 8 == 0 && step->dataBytes / 8 <= 65536;
    case OP_SECCOMP:
      return step->dataBytes % sizeof(sock_filter) == 0 && step->dataBytes > 0 &&
             step->dataBytes / sizeof(sock_filter) <= BPF_MAXINSNS;
    case OP_WRITE:
      return step->dataBytes > 0;
    case OP_EXECVE:
      return checkExecve(step, dataOffset);
    case OP_DONE:
      return true;
    default:
      return step->op >= OP_KEYCTL_JOIN_SESSION && step->op <= OP_SETPGID && step->dataBytes == 0;
  }
}

long prctl(long option, long a = 0, long b = 0) { return sys(__NR_prctl, option, a, b, 0, 0); }

// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. A container's seccomp filter refuses the keyrings to everybody;
// then there is none to inherit. It must be seen twice to be a filter: refused here, and refused for
// reading, while a filter is in force. ENOSYS both times is a kernel without keyrings.
long joinSession() {
  const long joined = sys(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
  if (joined != -EPERM && joined != -ENOSYS) return joined < 0 ? joined : 0;
  const long probe = sys(__NR_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
  if (probe != joined) return joined;
  if (joined == -EPERM && prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER) return joined;
  return 0;
}

// setsid(2) refuses the leader of a process group, which every job of an interactive shell is. Joining
// the parent's group first makes it an ordinary member, without a fork and so with the same pid. Who leads
// a session already only has to let go of its terminal.
long newSession() {
  const long first = sys(__NR_setsid);
  if (first != -EPERM) return first < 0 ? first : 0;
  const long self = sys(__NR_getpid);
  if (sys(__NR_getsid, 0) == self) {
    const long tty = sys(__NR_openat, AT_FDCWD, address("/dev/tty"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty == -ENXIO || tty == -ENOENT) return 0;
    if (tty < 0) return tty;
    // The session's leader giving up its terminal sends SIGHUP to its foreground group: itself (tty_ioctl(4)).
    struct {
      uint64_t handler, flags, restorer, mask;
    } ignore = {1, 0, 0, 0};
    const long ignored = sys(__NR_rt_sigaction, SIGHUP, address(&ignore), 0, 8);
    const long released = ignored < 0 ? ignored : sys(__NR_ioctl, tty, TIOCNOTTY);
    const long closed = sys(__NR_close, tty);
    return released < 0 ? released : closed;
  }
  const long parentGroup = sys(__NR_getpgid, sys(__NR_getppid));
  if (parentGroup < 0) return parentGroup;
  const long moved = sys(__NR_setpgid, 0, parentGroup);
  if (moved < 0) return moved;
  const long second = sys(__NR_setsid);
  return second < 0 ? second : 0;
}

long setUmask(uint64_t mask, bool exact) {
  const long previous = sys(__NR_umask, static_cast<long>(mask));
  if (previous < 0) return previous;
  const long wanted = static_cast<long>(mask) | previous;
  if (exact || wanted == static_cast<long>(mask)) return 0;
  const long again = sys(__NR_umask, wanted);
  return again < 0 ? again : 0;
}

long setLimit(const PlanStep* step) {
  const Limit* asked = reinterpret_cast<const Limit*>(dataOf(step));
  Limit now = {0, 0};
  const long got = sys(__NR_prlimit64, 0, static_cast<long>(step->a), 0, address(&now));
  if (got < 0) return got;
  Limit next = now;
  if (step->b == RLIMIT_SET) {
    next = *asked;
  } else if (step->b == RLIMIT_SET_SOFT || asked->soft < now.soft) {
    next.soft = asked->soft < now.hard ? asked->soft : now.hard;
  }
  if (next.soft == now.soft && next.hard == now.hard) return 0;
  return sys(__NR_prlimit64, 0, static_cast<long>(step->a), address(&next), 0);
}

long dropNice() {
  // The raw call answers 20 - nice, so that no nice value looks like an error (getpriority(2)).
  const long answer = sys(__NR_getpriority, 0, 0);
  if (answer < 0) return answer;
  return answer > 20 ? sys(__NR_setpriority, 0, 0, 0) : 0;
}

long dropOomScoreAdj() {
  const char* path = "/proc/self/oom_score_adj";
  const long in = sys(__NR_openat, AT_FDCWD, address(path), O_RDONLY | O_CLOEXEC);
  if (in < 0) return in;
  char first = 0;
  const long got = sys(__NR_read, in, address(&first), 1);
  const long closed = sys(__NR_close, in);
  if (got < 0) return got;
  if (closed < 0) return closed;
  if (first != '-') return 0;
  const long out = sys(__NR_openat, AT_FDCWD, address(path), O_WRONLY | O_CLOEXEC);
  if (out < 0) return out;
  const long put = sys(__NR_write, out, address("0"), 1);
  const long closedOut = sys(__NR_close, out);
  return put < 0 ? put : closedOut;
}

long dropRealtime() {
  const long policy = sys(__NR_sched_getscheduler, 0);
  if (policy < 0) return policy;
  switch (policy & ~SCHED_RESET_ON_FORK) {
    case SCHED_FIFO:
    case SCHED_RR:
    case SCHED_DEADLINE: {
      const int priority = 0;
      return sys(__NR_sched_setscheduler, 0, SCHED_NORMAL, address(&priority));
    }
    default:
      return 0;  // SCHED_BATCH and SCHED_IDLE are the caller's restriction
  }
}

long dropIoRealtime() {
  const long priority = sys(__NR_ioprio_get, IOPRIO_WHO_PROCESS, 0);
  if (priority < 0) return priority;
  if (IOPRIO_PRIO_CLASS(priority) != IOPRIO_CLASS_RT) return 0;
  return sys(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
}

long stopTimer(long which) {
  const uint64_t zero[4] = {0, 0, 0, 0};
  return sys(__NR_setitimer, which, address(zero), 0);
}

// A directory of the host behind a descriptor is a way out of any root directory (CVE-2024-21626).
long refuseDirectory(long fd) {
  struct statx status;
  const long got = sys(__NR_statx, fd, address(""), AT_EMPTY_PATH, STATX_TYPE, address(&status));
  if (got < 0) return got;
  return (status.stx_mode & S_IFMT) == S_IFDIR ? -EISDIR : 0;
}

long keepDescriptor(long fd) {
  const long refused = refuseDirectory(fd);
  return refused < 0 ? refused : sys(__NR_fcntl, fd, F_SETFD, 0);
}

long keepListenFds(int count, uint32_t* detail) {
  for (int i = 0; i < count; i++) {
    *detail = static_cast<uint32_t>(3 + i);
    const long kept = keepDescriptor(3 + i);
    if (kept < 0) return kept;
  }
  return 0;
}

long keepStdio(long fd, long* nullFd) {
  const long flags = sys(__NR_fcntl, fd, F_GETFL);
  if (flags == -EBADF) {
    // Opened once: to look a path up and to open it takes ten times as long as to copy a descriptor.
    const long opened = *nullFd < 0 ? sys(__NR_openat, AT_FDCWD, address("/dev/null"), O_RDWR) : sys(__NR_dup, *nullFd);
    if (opened < 0) return opened;
    *nullFd = opened;
    // The lowest free number is given out (open(2)), and 0 to 2 are put in place in that order.
    return opened == fd ? 0 : -EBADF;
  }
  if (flags < 0) return flags;
  const long kept = keepDescriptor(fd);
  if (kept < 0 || !(flags & O_NONBLOCK)) return kept;
  return sys(__NR_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
}

// Every bit comes with its lock one place above it; a locked one cannot change (capabilities(7)).
long resetSecurebits() {
  const long now = prctl(PR_GET_SECUREBITS);
  if (now < 0) return now;
  const long locks = now & SECURE_ALL_LOCKS;
  const long next = (now & (locks >> 1)) | locks;
  return next == now ? 0 : prctl(PR_SET_SECUREBITS, next);
}

struct CapabilitySets {
  __user_cap_header_struct header;
  __user_cap_data_struct data[2];
};

long setCapabilities(uint64_t mask) {
  const uint32_t low = static_cast<uint32_t>(mask);
  const uint32_t high = static_cast<uint32_t>(mask >> 32);
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {{0, low, low}, {0, high, high}}};
  return sys(__NR_capset, address(&sets.header), address(sets.data));
}

long raiseAmbient(uint64_t mask, uint32_t* detail) {
  for (long capability = 0; capability < 64; capability++) {
    if (!(mask >> capability & 1)) continue;
    *detail = static_cast<uint32_t>(capability);
    const long raised = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
    if (raised < 0) return raised;
  }
  return 0;
}

long verifyCapabilities(uint64_t expected) {
  CapabilitySets sets = {{_LINUX_CAPABILITY_VERSION_3, 0}, {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}}};
  const long got = sys(__NR_capget, address(&sets.header), address(sets.data));
  if (got < 0) return got;
  const uint64_t effective = sets.data[0].effective | static_cast<uint64_t>(sets.data[1].effective) << 32;
  const uint64_t permitted = sets.data[0].permitted | static_cast<uint64_t>(sets.data[1].permitted) << 32;
  const uint64_t inheritable = sets.data[0].inheritable | static_cast<uint64_t>(sets.data[1].inheritable) << 32;
  if (effective != 0 || permitted != expected || inheritable != expected) return -EBADE;
  // No capability is ever ambient that is not permitted and inheritable (capabilities(7)): the others need no look.
  for (long capability = 0; capability < 64; capability++) {
    if (!(expected >> capability & 1)) continue;
    const long has = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability);
    if (has < 0) return has;
    if (has != 1) return -EBADE;
  }
  return 0;
}

long installFilter(PlanStep* step) {
  sock_fprog program;
  program.len = static_cast<unsigned short>(step->dataBytes / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(dataOf(step));
  return sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, address(&program));
}

long setParentDeathSignal(long signal, long parent) {
  const long set = prctl(PR_SET_PDEATHSIG, signal);
  if (set < 0 || parent == 0) return set;
  // A parent that died before the call sends nothing any more (PR_SET_PDEATHSIG(2const)).
  return sys(__NR_getppid) == parent ? 0 : -ESRCH;
}

long verifyIds(long getCall, long fsCall, uint64_t expected) {
  const uint32_t want = static_cast<uint32_t>(expected);
  uint32_t real = ~want, effective = ~want, saved = ~want;
  const long got = sys(getCall, address(&real), address(&effective), address(&saved));
  if (got < 0) return got;
  // setfsuid(-1) changes nothing and answers the present one (setfsuid(2)).
  const uint32_t fs = static_cast<uint32_t>(sys(fsCall, -1));
  return real == want && effective == want && saved == want && fs == want ? 0 : -EBADE;
}

long verifyGroups(PlanStep* step) {
  const long count = step->dataBytes / 8;
  const uint32_t* expected = reinterpret_cast<const uint32_t*>(dataOf(step));
  uint32_t* actual = reinterpret_cast<uint32_t*>(dataOf(step)) + count;
  const long has = sys(__NR_getgroups, 0, 0);
  if (has < 0) return has;
  if (has != count) return -EBADE;
  const long got = sys(__NR_getgroups, count, address(actual));
  if (got < 0) return got;
  if (got != count) return -EBADE;
  for (long i = 0; i < count; i++) {
    if (actual[i] != expected[i]) return -EBADE;
  }
  return 0;
}

// With a container's own filter in force this tells no difference.
long verifySeccomp() {
  const long mode = prctl(PR_GET_SECCOMP);
  return mode < 0 ? mode : mode == SECCOMP_MODE_FILTER ? 0 : -EBADE;
}

long verifyNoNewPrivs() {
  const long set = prctl(PR_GET_NO_NEW_PRIVS);
  return set < 0 ? set : set == 1 ? 0 : -EBADE;
}

long verifyNoWayBack() {
  const long regained = sys(__NR_setresuid, 0, 0, 0);
  return regained == -EPERM ? 0 : regained < 0 ? regained : -EBADE;
}

// Not inlined: a launch would touch another page of stack for a path that hardly any has.
[[gnu::noinline]] long beginningOfLongCwd(char* first) {
  char path[4096];
  const long got = sys(__NR_getcwd, address(path), sizeof path);
  *first = path[0];
  return got;
}

// The root directory is the jail, also if something answered chroot without doing it, and the working
// directory lies in it.
long verifyCwd(long jailFd) {
  struct statx jail, root;
  const long first = sys(__NR_statx, jailFd, address(""), AT_EMPTY_PATH, STATX_INO, address(&jail));
  if (first < 0) return first;
  const long second = sys(__NR_statx, AT_FDCWD, address("/"), 0, STATX_INO, address(&root));
  if (second < 0) return second;
  if (root.stx_ino != jail.stx_ino || root.stx_dev_major != jail.stx_dev_major ||
      root.stx_dev_minor != jail.stx_dev_minor) {
    return -EBADE;
  }
  char path[128];
  long got = sys(__NR_getcwd, address(path), sizeof path);
  if (got == -ERANGE) got = beginningOfLongCwd(path);
  if (got < 0) return got;
  if (path[0] != '/') return -EXDEV;  // "(unreachable)…": outside the root directory (getcwd(2))
  return sys(__NR_faccessat, AT_FDCWD, address("."), 1 /* X_OK */);
}

long resetSignals() {
  const struct {
    uint64_t handler, flags, restorer, mask;
  } standard = {0, 0, 0, 0};
  for (long signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    const long reset = sys(__NR_rt_sigaction, signal, address(&standard), 0, 8);
    if (reset < 0) return reset;
  }
  const uint64_t none = 0;
  return sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&none), 0, 8);
}

long writeAll(long fd, const uint8_t* bytes, uint32_t count) {
  for (uint32_t done = 0; done < count;) {
    const long wrote = sys(__NR_write, fd, address(bytes + done), count - done);
    if (wrote == -EINTR) continue;
    if (wrote <= 0) return wrote < 0 ? wrote : -EIO;
    done += static_cast<uint32_t>(wrote);
  }
  return 0;
}

// A reader that has gone away is EPIPE and SIGPIPE, a limit on file sizes EFBIG and SIGXFSZ (write(2), setrlimit(2)). The
// signals are blocked, so that the errno is seen. After a failure they stay blocked, as one of them is pending.
long writeWithoutSignal(long fd, const uint8_t* bytes, uint32_t count) {
  const uint64_t signals = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);
  const long blocked = sys(__NR_rt_sigprocmask, SIG_BLOCK, address(&signals), 0, 8);
  if (blocked < 0) return blocked;
  const long wrote = writeAll(fd, bytes, count);
  return wrote < 0 ? wrote : sys(__NR_rt_sigprocmask, SIG_UNBLOCK, address(&signals), 0, 8);
}

// Whoever ends the launcher finds out by this whether the program may have run.
long tellExecute(long statusFd) {
  const PlanFailure record = {kNoStep, STAGE_EXECUTE, 0, 0};
  return writeAll(statusFd, reinterpret_cast<const uint8_t*>(&record), sizeof record);
}

long execute(uint8_t* plan, PlanStep* step, const PlanContext& context) {
  uint64_t* slot = reinterpret_cast<uint64_t*>(dataOf(step));
  const uint64_t slots = 1 + step->a + 1 + step->b + 1;
  for (uint64_t i = 0; i < slots; i++) {
    if (slot[i] != 0) slot[i] = reinterpret_cast<uint64_t>(plan + slot[i]);
  }
  const void* own = slot + 1 + step->a + 1;
  if (context.statusFd >= 0) {
    if (const long told = tellExecute(context.statusFd); told < 0) return told;
  }
  return sys(__NR_execve, static_cast<long>(slot[0]), address(slot + 1), address(context.environment ? context.environment : own));
}

// Dropping comes first and what is left is read: a capability that is not in the set any more may be refused, so that a
// caller whose set is empty needs no CAP_SETPCAP; a call that says yes and does nothing is found out. Nothing adds to a
// bounding set (capabilities(7)): what is seen to be gone here stays gone.
long dropBoundingSet(uint64_t keep, uint32_t* capability) {
  for (long number = 0; number < 64; number++) {
    if (keep >> number & 1) continue;
    *capability = static_cast<uint32_t>(number);
    const long dropped = prctl(PR_CAPBSET_DROP, number);
    const long left = prctl(PR_CAPBSET_READ, number);
    if (left == -EINVAL && dropped == -EINVAL && number > 0) return 0;  // past the kernel's last capability
    if (left < 0) return left;
    if (dropped < 0 && (dropped != -EPERM || left != 0)) return dropped;
    if (left != 0) return -EBADE;
  }
  return 0;
}

}  // namespace

bool checkPlan(const void* plan, uint32_t sizeBytes) {
  if (plan == nullptr || sizeBytes < sizeof(PlanHeader) || sizeBytes > kPlanMaxBytes) return false;
  const uint8_t* bytes = static_cast<const uint8_t*>(plan);
  const PlanHeader* header = static_cast<const PlanHeader*>(plan);
  if (header->magic != kPlanMagic || header->sizeBytes != sizeBytes || header->reserved != 0) return false;
  if (header->steps == 0 || header->steps > kPlanMaxSteps) return false;
  uint32_t offset = sizeof(PlanHeader);
  for (uint32_t i = 0; i < header->steps; i++) {
    if (sizeBytes - offset < sizeof(PlanStep)) return false;
    const PlanStep* step = reinterpret_cast<const PlanStep*>(bytes + offset);
    offset += sizeof(PlanStep);
    if (step->dataBytes > sizeBytes - offset || padded(step->dataBytes) > sizeBytes - offset) return false;
    if (!checkStep(step, offset)) return false;
    // execve ends a plan: nothing may stand behind it, and nothing may end without it.
    if ((step->op == OP_EXECVE) != (i == header->steps - 1)) return false;
    offset += padded(step->dataBytes);
  }
  return offset == sizeBytes;
}

long runStep(void* plan, PlanStep* step, PlanContext& context, uint32_t* detail) {
  const long a = static_cast<long>(step->a);
  const long b = static_cast<long>(step->b);
  switch (step->op) {
    case OP_KEYCTL_JOIN_SESSION: return joinSession();
    case OP_SETSID: return newSession();
    case OP_SETPGID: return sys(__NR_setpgid, 0, 0);
    case OP_UMASK: return setUmask(step->a, step->b == 1);
    case OP_RLIMIT: return setLimit(step);
    case OP_NICE: return dropNice();
    case OP_OOM_SCORE_ADJ: return dropOomScoreAdj();
    case OP_SCHEDULER: return dropRealtime();
    case OP_IOPRIO: return dropIoRealtime();
    case OP_PERSONALITY: {
      const long previous = sys(__NR_personality, a);
      return previous < 0 ? previous : 0;
    }
    case OP_SETITIMER: return stopTimer(a);
    case OP_STDIO: return keepStdio(a, &context.nullFd);
    case OP_CLOSE_RANGE: return sys(__NR_close_range, a, ~0u, CLOSE_RANGE_CLOEXEC);
    case OP_KEEP_FD: return keepDescriptor(a);
    case OP_KEEP_LISTEN_FDS: return keepListenFds(context.listenFds, detail);
    case OP_FCHDIR_JAIL: return sys(__NR_fchdir, context.jailFd);
    case OP_CHROOT: return sys(__NR_chroot, address("."));
    case OP_CHDIR: return sys(__NR_chdir, address(dataOf(step)));
    case OP_CAPBSET_DROP: return dropBoundingSet(step->a, detail);
    case OP_CAP_AMBIENT_CLEAR: return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    case OP_SECUREBITS: return resetSecurebits();
    case OP_SETGROUPS: return sys(__NR_setgroups, step->dataBytes / 4, address(dataOf(step)));
    case OP_SETRESGID: return sys(__NR_setresgid, a, a, a);
    case OP_SETRESUID: return sys(__NR_setresuid, a, a, a);
    case OP_CAPSET: return setCapabilities(step->a);
    case OP_CAP_AMBIENT_RAISE: return raiseAmbient(step->a, detail);
    case OP_PRCTL: return prctl(a, b);
    case OP_SECCOMP: return installFilter(step);
    case OP_PARENT_DEATH_SIGNAL: return setParentDeathSignal(a, b);
    case OP_VERIFY_UID: return verifyIds(__NR_getresuid, __NR_setfsuid, step->a);
    case OP_VERIFY_GID: return verifyIds(__NR_getresgid, __NR_setfsgid, step->a);
    case OP_VERIFY_GROUPS: return verifyGroups(step);
    case OP_VERIFY_CAPS: return verifyCapabilities(step->a);
    case OP_VERIFY_NO_WAY_BACK: return verifyNoWayBack();
    case OP_VERIFY_SECCOMP: return verifySeccomp();
    case OP_VERIFY_NO_NEW_PRIVS: return verifyNoNewPrivs();
    case OP_VERIFY_CWD: return verifyCwd(context.jailFd);
    case OP_RESET_SIGNALS: return resetSignals();
    case OP_WRITE: return writeWithoutSignal(a, dataOf(step), step->dataBytes);
    case OP_EXECVE: return execute(static_cast<uint8_t*>(plan), step, context);
    case OP_DONE: return 0;
    default: return -ENOSYS;
  }
}

PlanFailure runPlan(void* plan, PlanContext context) {
  PlanStep* step = firstStep(plan);
  for (uint32_t i = 0; i < stepsIn(plan); i++, step = nextStep(step)) {
    uint32_t detail = 0;
    const long result = runStep(plan, step, context, &detail);
    if (result < 0) return {i, step->op, static_cast<int32_t>(-result), detail};
  }
  return {kNoStep, STAGE_CHECK, EINVAL, 0};  // not reached: checkPlan saw that execve is last
}

}  // namespace uchroot
