// clone(CLONE_VM), execveat(launcher). The child shares the service's memory until execveat, so it must keep all privileges until
// then: if it dropped them, the jailed user could stop or trace it, and with it the service.

#include "launch.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../files/descriptor.h"
#include "../files/devicenumber.h"
#include "../plan/clone.h"
#include "../plan/interpreter.h"
#include "../plan/mask.h"
#include "../plan/syscall.h"
#include "ambient.h"
#include "../namespaces/idmap.h"

namespace uchroot {
namespace {

constexpr size_t kChildStackBytes = size_t{16} * 1024;
constexpr size_t kBetweenStackBytes = size_t{4} * 1024;

// How long a launch waits for its launcher, which needs less than a millisecond. If the jailed user has stopped the launcher, the
// event loop waits instead.
constexpr int kPatienceMs = 5;

struct Move {
  int source, target;
};

// The child's data. The child may change it: the memory is shared, but no other code reads it meanwhile.
struct ChildWork {
  Move* moves;
  size_t count;
  int top;  // the highest target number; all sources are moved above it first
  int launcherFd, statusFd;
  bool isBatch;
  bool keepsCapabilities;
  const CgroupEntry* cgroup;
  PlanFailure cgroupFailure;
  char* argv[6];
  char* environment[2];
};

// Raw system calls only: errno and libc's locks belong to the service's threads.
__attribute__((no_sanitize("address", "undefined"))) int moveDescriptors(ChildWork* work) {
  const auto raise = [work](int* fd) -> long {
    if (*fd < 0 || *fd > work->top) return 0;
    const long raised = sys(__NR_fcntl, *fd, F_DUPFD_CLOEXEC, work->top + 1);
    if (raised >= 0) *fd = static_cast<int>(raised);
    return raised;
  };
  if (const long raised = raise(&work->statusFd); raised < 0) return static_cast<int>(-raised);
  if (const long raised = raise(&work->launcherFd); raised < 0) return static_cast<int>(-raised);
  for (size_t i = 0; i < work->count; i++) {
    if (const long raised = raise(&work->moves[i].source); raised < 0) return static_cast<int>(-raised);
  }
  for (size_t i = 0; i < work->count; i++) {
    const Move move = work->moves[i];
    if (move.source == kIgnore) {
      // The descriptor stays closed, and the plan opens a null device there. EBADF means that it was closed already.
      (void)sys(__NR_close, move.target);
      continue;
    }
    const long moved = sys(__NR_dup3, move.source, move.target, 0);
    if (moved < 0) return static_cast<int>(-moved);
  }
  return 0;
}

// A process without threads that writes "0" to a file `tasks` moves itself. The kernel then takes no lock that waits for all CPUs
// (cgroup_procs_write_start() in kernel/cgroup/cgroup.c, since Linux 5.5), as it does for each write of a pid.
__attribute__((no_sanitize("address", "undefined"))) int enterTasks(const CgroupEntry* cgroup) {
  for (int i = 0; cgroup != nullptr && i < cgroup->tasks; i++) {
    const long wrote = sys(__NR_write, cgroup->taskFds[i], address("0"), 1);
    if (wrote < 0) return static_cast<int>(-wrote);
  }
  return 0;
}

__attribute__((no_sanitize("address", "undefined"))) int childMain(void* argument) {
  ChildWork* work = static_cast<ChildWork*>(argument);
  PlanFailure failure = work->cgroupFailure;
  failure.error = enterTasks(work->cgroup);
  if (failure.error == 0) failure = {kNoStep, PHASE_DESCRIPTORS, moveDescriptors(work), 0};
  if (failure.error == 0 && work->isBatch) {
    const int priority = 0;
    failure.error = static_cast<int32_t>(-sys(__NR_sched_setscheduler, 0, SCHED_OTHER, address(&priority)));
  }
  if (failure.error == 0 && work->keepsCapabilities) failure.error = static_cast<int32_t>(-raiseAllAmbient());
  if (failure.error == 0) {
    const long executed = sys(__NR_execveat, work->launcherFd, address(""), address(work->argv),
                              address(work->environment), AT_EMPTY_PATH);
    failure.op = PHASE_LAUNCHER;
    failure.error = static_cast<int32_t>(-executed);
  }
  (void)sys(__NR_write, work->statusFd, address(&failure), sizeof failure);
  for (;;) sys(__NR_exit_group, 127);
}

// An ordinary plan is smaller. A string of execve may be longer (execve(2), MAX_ARG_STRLEN).
constexpr size_t kMaskedPlanBytes = size_t{16} * 1024;

// The plan as a string without NUL, for the launcher's environment, which only root can read. Empty if the plan is too long or
// uses all byte values. A sealed file would take as long as all identity changes of a launch.
std::string maskedPlan(const std::string& plan) {
  if (plan.size() > kMaskedPlanBytes) return "";
  // Values outside ASCII are tried first: plans rarely use them.
  for (int value = 0x80; value < 0x180; value++) {
    const char mask = static_cast<char>(value);
    if (plan.find(mask) != std::string::npos) continue;
    std::string masked(1 + plan.size(), mask);
    applyMask(masked.data() + 1, plan.data(), static_cast<uint32_t>(plan.size()), mask);
    return masked;
  }
  return "";
}

int sealedPlan(const std::string& plan) {
  int fd = memfd_create("uchroot-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING | 8u /* MFD_NOEXEC_SEAL, Linux 6.3 */);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("uchroot-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  for (size_t done = 0; done < plan.size();) {
    const ssize_t wrote = write(fd, plan.data() + done, plan.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      close(fd);
      return -1;
    }
    done += static_cast<size_t>(wrote);
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

bool makePipe(Descriptor& readEnd, Descriptor& writeEnd, int flags) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | flags) < 0) return false;
  readEnd.reset(ends[0]);
  writeEnd.reset(ends[1]);
  return true;
}

bool makeSocket(Descriptor& own, Descriptor& child) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return false;
  own.reset(ends[0]);
  child.reset(ends[1]);
  return true;
}

// The connection between the service and a descriptor of the program: a pipe, or a socket that delivers a terminal's master or
// namespaces.
bool makeEnds(int kind, bool isInput, Descriptor& own, Descriptor& child) {
  if (kind == kPipe) return isInput ? makePipe(child, own, 0) : makePipe(own, child, 0);
  return makeSocket(own, child);
}

// Input and result of a clone of the child. The kernel clears `shares` when the child stops sharing this memory: at execve, or when it
// ends.
struct Birth {
  ChildWork* work;
  char* stack;
  uint32_t namespaces;
  int userFd;  // of a user namespace to be born in; -1: this process's
  int pidFd = -1;
  uint32_t shares = 1;
  long pid = -ECANCELED;  // or a negative errno
};

// CLONE_VFORK would wake this thread when the child stops sharing this memory, but this thread must wait longer anyway (awaitProgram). A
// child with limits needs the flag. When memory is short in its cgroup, the OOM killer spares a child of vfork. It would kill any other
// child together with all processes that share its memory, also this service (oom_badness(), __oom_kill_process() in mm/oom_kill.c).
__attribute__((no_sanitize("address", "undefined"))) long cloneChild(Birth& birth, uint32_t more) {
  const CgroupEntry* cgroup = birth.work->cgroup;
  const uint32_t vfork = cgroup == nullptr ? 0 : CLONE_VFORK;
  const uint32_t flags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID | vfork | birth.namespaces | more;
  // Only clone3 knows CLONE_INTO_CGROUP, and container runtimes refuse it.
  if (cgroup == nullptr || cgroup->bornFd < 0) {
    return cloneOnStack(__NR_clone, flags | SIGCHLD, address(birth.stack + kChildStackBytes), childMain, birth.work,
                        address(&birth.pidFd), address(&birth.shares));
  }
  clone_args arguments = {};
  arguments.flags = flags | CLONE_INTO_CGROUP;
  arguments.pidfd = static_cast<uint64_t>(address(&birth.pidFd));
  arguments.child_tid = static_cast<uint64_t>(address(&birth.shares));
  arguments.exit_signal = (more & CLONE_PARENT) != 0 ? 0 : SIGCHLD;  // with CLONE_PARENT it is that of the caller
  arguments.stack = static_cast<uint64_t>(address(birth.stack));
  arguments.stack_size = kChildStackBytes;
  arguments.cgroup = static_cast<uint64_t>(cgroup->bornFd);
  return cloneOnStack(__NR_clone3, address(&arguments), sizeof arguments, childMain, birth.work);
}

// A single-threaded process that enters the user namespace and starts a child there. The child becomes a child of the service.
__attribute__((no_sanitize("address", "undefined"))) int bearInside(void* given) {
  Birth& birth = *static_cast<Birth*>(given);
  const long entered = sys(__NR_setns, birth.userFd, CLONE_NEWUSER);
  birth.pid = entered < 0 ? entered : cloneChild(birth, CLONE_PARENT);
  quit(0);
}

// A thread cannot enter a user namespace alone, nor can a process that shares its root directory with another one (setns(2), EINVAL).
// So a process in between does it. It shares the descriptors of the service, so that the child's pidfd arrives here. All signals are
// blocked in it, and it has no exit signal: the service does not notice it.
//
// Its credentials change while it shares the service's memory. That leaves the memory as readable as before, because the service has
// all capabilities over a user namespace that it has made itself (commit_creds(), cred_cap_issubset() in kernel/cred.c). Nobody in the
// namespace sees this process or the child: each program there has a pid namespace of its own.
void bear(Birth& birth) {
  if (birth.userFd < 0) {
    birth.pid = cloneChild(birth, 0);
    return;
  }
  alignas(16) char stack[kBetweenStackBytes];
  const long between = cloneOnStack(__NR_clone, CLONE_VM | CLONE_VFORK | CLONE_FILES, address(stack + sizeof stack), bearInside, &birth);
  if (between < 0) {
    birth.pid = between;
    return;
  }
  while (waitpid(static_cast<pid_t>(between), nullptr, __WALL) < 0 && errno == EINTR) continue;
}

// Waits until the program is executed or the launcher has failed, with a time limit; then until the child no longer shares this
// memory.
void awaitProgram(int statusFd, bool isIsolated, uint32_t* shares) {
  // It waits for the end of the pipe only, not for data: a second wake-up would be slow. An init does not end its pipe.
  const short events = isIsolated ? POLLIN : 0;
  pollfd executed = {statusFd, events, 0};
  (void)poll(&executed, 1, kPatienceMs);
  // Not a private futex: the kernel's own wake-up is not private.
  while (__atomic_load_n(shares, __ATOMIC_ACQUIRE) != 0) (void)sys(__NR_futex, address(shares), FUTEX_WAIT, 1, 0);
}

// The launcher is born in a user namespace, with capabilities that count there alone.
bool isRootless(const LaunchRequest& request) { return (request.namespaces & CLONE_NEWUSER) != 0 || request.userFd >= 0; }

// With 1, a process that has changed its ids can be traced by other processes with the new ids (proc_sys_fs(5)). The descriptor stays
// open, because looking the path up is slow.
bool isSuidDumpable() {
  static const int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
  char first = '1';
  return pread(fd, &first, 1, 0) != 1 || first == '1';
}

// The tree of makeNullTree(), made once for this process. Otherwise each launch would have to make a mount. -1: it cannot be made here, and
// the plan has the remedy.
int nullTree() {
  static std::mutex mutex;
  static int tree = -1;
  const std::lock_guard<std::mutex> lock(mutex);
  if (tree < 0) tree = static_cast<int>(makeNullTree());
  return tree < 0 ? -1 : tree;
}

// Whether a descriptor is the null device, whose file the program could change if it is the host's.
bool isNull(int fd) {
  struct stat seen;
  return fd >= 0 && fstat(fd, &seen) == 0 && S_ISCHR(seen.st_mode) && seen.st_rdev == toDevice(1, 3);
}

// The files that a launch opens for its launcher.
struct LaunchFiles {
  std::string masked;  // the plan, unless it needs a file
  Descriptor plan, statusRead, statusWrite, mapOwn, mapChild, childEnds[4], ownEnds[4], null;

  // Returns false, with the reason in errno.
  bool open(const LaunchRequest& request) {
    masked = maskedPlan(request.plan);
    if (masked.empty()) {
      plan.reset(sealedPlan(request.plan));
      if (plan.get() < 0) return false;
    }
    if (!makePipe(statusRead, statusWrite, O_NONBLOCK)) return false;
    if (request.hasIdMaps && !makeSocket(mapOwn, mapChild)) return false;
    if (request.outboundFd == kSocket && !makeSocket(ownEnds[3], childEnds[3])) return false;
    for (int i = 0; i < 3; i++) {
      const int kind = request.stdio[i];
      if (null.get() < 0 && !isRootless(request) && (kind == kIgnore || isNull(kind)))
        null.reset(openat(nullTree(), kNullInTree, O_RDWR | O_CLOEXEC));
      if (kind != kPipe && kind != kPty && kind != kSocket) continue;
      if (!makeEnds(kind, i == 0, ownEnds[i], childEnds[i])) return false;
    }
    return true;
  }
};

// The descriptors of the launcher, which finds its own from the number `first` on (launcher.cc, launcherMain()).
struct Handed {
  std::vector<Move> moves;
  int first = 3;
  int next = 3;
  std::string letters;  // one for each descriptor that only some launches have

  void add(int fd) { moves.push_back({fd, next++}); }
  void add(int fd, char letter) {
    if (fd < 0) return;
    add(fd);
    letters += letter;
  }
};

Handed toHand(const LaunchRequest& request, const LaunchFiles& files) {
  Handed handed;
  handed.moves.reserve(request.kept.size() + request.spaces.size() + 11);
  for (int i = 0; i < 3; i++) {
    const int kind = request.stdio[i], child = files.childEnds[i].get(), null = files.null.get();
    const int source = null >= 0 && (kind == kIgnore || isNull(kind)) ? null : kind;
    handed.moves.push_back({child >= 0 ? child : source, i});
  }
  for (const LaunchRequest::Kept& kept : request.kept) {
    handed.moves.push_back({kept.source, kept.target});
    handed.first = kept.target >= handed.first ? kept.target + 1 : handed.first;
  }
  handed.next = handed.first;
  handed.add(files.statusWrite.get());
  handed.add(request.jailFd);
  if (files.masked.empty()) handed.moves.push_back({files.plan.get(), handed.next});
  handed.next++;  // this number is the plan's in any case
  for (const int space : request.spaces) handed.add(space);
  handed.add(request.seedFd, 'm');
  handed.add(request.networkFd, 'n');
  handed.add(request.goFd, request.limitsStart ? 't' : 'g');
  handed.add(request.outboundFd == kSocket ? files.childEnds[3].get() : request.outboundFd, 'o');
  handed.add(request.hasIdMaps ? files.mapChild.get() : -1, 'i');
  return handed;
}

// The failure if there is no child. It belongs to the step that clone(2) should have performed: new namespaces, or a cgroup.
PlanFailure birthFailure(const LaunchRequest& request, int error) {
  const bool isByCgroup = request.cgroup != nullptr && request.cgroup->bornFd >= 0;
  PlanFailure failure = {kNoStep, PHASE_DESCRIPTORS, 0, 0};
  // clone(2) has these for CLONE_INTO_CGROUP alone.
  const bool isOfCgroup = isByCgroup && (error == EOPNOTSUPP || error == EBUSY);
  if (request.namespaces != 0 && error != ENOSYS && !isOfCgroup) {
    failure = request.refused;
  } else if (request.namespaces != 0 || isByCgroup) {
    failure = request.cgroupFailure;
  }
  failure.error = error;
  return failure;
}

void endBy(int pidFd) { (void)syscall(SYS_pidfd_send_signal, pidFd, SIGKILL, nullptr, 0); }

// Maps the ids of the launcher's user namespace, and waits for its program. Returns why the launcher was ended, if it was.
PlanFailure settle(const LaunchRequest& request, LaunchFiles& files, Birth& birth, std::string& words) {
  PlanFailure failure = {kNoStep, 0, 0, 0};
  const int pid = static_cast<int>(birth.pid);
  if (request.hasIdMaps) failure = mapIds(request.plan.data(), {files.mapOwn.get(), request.signalFd}, pid, words);
  // Nobody has called it off, so the launcher says why it has ended.
  if (failure.error == ECANCELED && !request.recall->isKilling) failure.error = 0;
  if (failure.error != 0) endBy(birth.pidFd);
  awaitProgram(files.statusRead.get(), request.namespaces != 0, &birth.shares);
  if (failure.error != 0) (void)waitpid(pid, nullptr, 0);
  return failure;
}

}  // namespace

void takeNamespaces(LaunchRequest& request) {
  std::string& plan = request.plan;
  PlanHeader header;
  if (plan.size() < sizeof header) return;  // the launcher refuses it
  std::memcpy(&header, plan.data(), sizeof header);
  if ((header.flags & PLAN_CLONED) == 0 || !checkPlan(plan.data(), static_cast<uint32_t>(plan.size()))) return;
  Steps steps(plan.data());
  while (PlanStep* step = steps.next()) {
    if ((step->flags & STEP_CLONED) == 0) continue;
    if ((step->flags & STEP_KEPT_USER) != 0) {
      if (request.spaces.empty()) continue;  // then the launcher refuses the step
      request.userFd = request.spaces.front();
      request.spaces.erase(request.spaces.begin());
    }
    request.namespaces |= static_cast<uint32_t>(step->a);
    request.refused = {steps.place(), step->op, 0, 0, step->flags};
    step->flags |= STEP_DONE;
  }
  request.hasIdMaps = (request.namespaces & CLONE_NEWUSER) != 0 && hasIdMaps(plan.data());
  if (request.namespaces != CLONE_NEWPID || isSuidDumpable()) return;
  header.flags |= PLAN_SHARES_MEMORY;
  std::memcpy(plan.data(), &header, sizeof header);
}

bool makesNetwork(const LaunchRequest& request) {
  PlanHeader header;
  if (request.plan.size() < sizeof header || isRootless(request)) return false;
  std::memcpy(&header, request.plan.data(), sizeof header);
  return (header.flags & PLAN_NETWORK) != 0;
}

LaunchResult launch(const LaunchRequest& request) {
  LaunchResult result;
  LaunchFiles files;
  if (!files.open(request)) {
    result.failure = {kNoStep, PHASE_DESCRIPTORS, errno, 0};
    return result;
  }
  Handed handed = toHand(request, files);

  char name[] = "uchroot-launcher";
  char first[16], size[16], spaces[16];
  const bool isPlain = request.spaces.empty() && handed.letters.empty();
  // each number fits
  (void)std::snprintf(first, sizeof first, "%d", handed.first);
  (void)std::snprintf(size, sizeof size, "%zu", request.plan.size());
  (void)std::snprintf(spaces, sizeof spaces, "%zu", request.spaces.size());
  ChildWork work = {handed.moves.data(), handed.moves.size(), handed.next, request.launcherFd, files.statusWrite.get(),
                    request.isBatch, isRootless(request), request.cgroup, request.cgroupFailure,
                    {name, first, size, isPlain ? nullptr : spaces, isPlain ? nullptr : handed.letters.data(), nullptr},
                    {files.masked.empty() ? nullptr : files.masked.data(), nullptr}};

  if (request.recall->isWanted) {
    result.failure = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
    return result;
  }

  // The child uses a part of this thread's stack, so nothing has to be mapped.
  alignas(16) char stack[kChildStackBytes];

  // All signals are blocked, so no signal handler of the service can run in the child, which shares its memory. The launcher
  // starts with this mask, and the last step of the plan clears it.
  const uint64_t all = ~0ull;
  uint64_t before = 0;
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&all), address(&before), sizeof all);
  Birth birth = {.work = &work, .stack = stack, .namespaces = request.namespaces, .userFd = request.userFd};
  bear(birth);
  (void)sys(__NR_rt_sigprocmask, SIG_SETMASK, address(&before), 0, sizeof before);
  if (birth.pid < 0) {
    result.failure = birthFailure(request, static_cast<int>(-birth.pid));
    return result;
  }
  files.statusWrite.reset(-1);
  request.recall->pidFd = birth.pidFd;
  if (request.recall->isKilling) endBy(birth.pidFd);
  files.mapChild.reset(-1);
  result.failure = settle(request, files, birth, result.words);
  result.pidFd = birth.pidFd;
  if (result.failure.error != 0) return result;
  result.pid = static_cast<int>(birth.pid);
  result.statusFd = files.statusRead.release();
  for (int i = 0; i < 4; i++) result.pipes[i] = files.ownEnds[i].release();
  return result;
}

}  // namespace uchroot
