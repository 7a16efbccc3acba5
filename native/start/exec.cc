// execPlan: runs a plan on this thread, in place of this process. It returns only if the plan fails. By then the process may have
// lost its root directory and privileges, so the caller must report and exit.
//
// execAndWait: the same for a program in a pid namespace or with limits, which needs a process that waits for it. This process starts the
// program and then becomes the launcher, which waits.
//
// rehearsePlan: runs the steps before execve in a child.

#include "exec.h"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../files/descriptor.h"
#include "../plan/interpreter.h"
#include "../plan/removal.h"
#include "../addon/init.h"
#include "../addon/values.h"
#include "../cgroup/cgroupinplace.h"
#include "../launcher/clock.h"
#include "../namespaces/idmap.h"
#include "launch.h"
#include "othersignals.h"
#include "pipes.h"
#include "../terminal/terminal.h"

namespace uchroot {
namespace {

// An aligned copy: running a plan changes it, and a JS Buffer may start at any address.
struct OwnPlan {
  std::unique_ptr<uint64_t[]> words;
  PlanFailure failure = {kNoStep, PHASE_CHECK, EINVAL, 0};  // valid if `words` is null
};

OwnPlan copyPlan(const Napi::Uint8Array& bytes) {
  const uint32_t size = static_cast<uint32_t>(bytes.ByteLength());
  OwnPlan plan;
  plan.words.reset(new (std::nothrow) uint64_t[size / 8 + 1]);
  if (!plan.words) {
    plan.failure = {kNoStep, PHASE_LOAD, ENOMEM, 0};
    return plan;
  }
  std::memcpy(plan.words.get(), bytes.Data(), size);
  if (!checkPlan(plan.words.get(), size)) plan.words.reset();
  return plan;
}

// The arguments of these calls, which lib/native/launch-calls.ts describes. This process's main thread makes them, so it can take what
// it gets.
struct InPlace {
  explicit InPlace(const Napi::CallbackInfo& info) : given(info[0].As<Napi::Object>()) {}

  Napi::Uint8Array plan() const { return given.Get("plan").As<Napi::Uint8Array>(); }
  int number(const char* key) const { return given.Get(key).As<Napi::Number>().Int32Value(); }
  Napi::Value limits() const { return given.Get("limits"); }
  // 0: none
  int64_t limit(const char* key) const {
    return limits().IsObject() ? limits().As<Napi::Object>().Get(key).ToNumber().Int64Value() : 0;
  }
  // The limit of time, or 0.
  int64_t timeMs() const { return limit("timeMs"); }
  // The limit of CPU time, if a cgroup counts it, or 0.
  int64_t countedCpuMs() const { return limit("isCpuCounted") > 0 ? limit("cpuMs") : 0; }

  Napi::Object given;
};

// Runs a launch. If it fails, the pid file is removed, even if this thread has lost the rights to do it.
template <typename Launch>
PlanFailure withPidFile(const Napi::Value& given, const Launch& run) {
  if (!given.IsObject()) return run();
  const Napi::Object pidFile = given.As<Napi::Object>();
  const Napi::Buffer<char> bytes = pidFile.Get("name").As<Napi::Buffer<char>>();
  const std::string name(bytes.Data(), bytes.Length());
  alignas(16) uint8_t stack[kRemovalStackBytes];
  Removal removal = {.directory = pidFile.Get("directoryFd").As<Napi::Number>().Int32Value(),
                     .file = pidFile.Get("fileFd").As<Napi::Number>().Int32Value(),
                     .name = name.c_str()};
  startRemoval(&removal, stack + sizeof stack);
  const PlanFailure failure = run();
  takeBack(&removal);
  return failure;
}

// Node ignores these signals. The last steps of a plan reset them. Without this, the caller's next write could kill this
// process, and its exit status would be lost.
void ignoreWriteSignals() {
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
}

Napi::Value execPlan(const Napi::CallbackInfo& info) {
  const InPlace launch(info);
  const OwnPlan plan = copyPlan(launch.plan());
  if (!plan.words) return toObject(info.Env(), plan.failure);
  PlanContext context = {.jailFd = launch.number("jailFd"), .hasThreads = true};
  const PlanFailure failure = withPidFile(launch.given.Get("pidFile"), [&] { return runPlan(plan.words.get(), context); });
  ignoreWriteSignals();
  return toObject(info.Env(), failure);
}

// The last record of a launcher before its program runs. If there is none, the launcher was killed. An init keeps its pipe open.
PlanFailure lastRecord(int statusFd, bool isInit) {
  PlanFailure last = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  PlanFailure record;
  for (;;) {
    const ssize_t got = read(statusFd, &record, sizeof record);
    if (got == static_cast<ssize_t>(sizeof record)) {
      last = record;
      if (isInit && record.error == 0) return last;
    } else if (got < 0 && errno == EAGAIN) {
      pollfd readable = {statusFd, POLLIN, 0};
      (void)poll(&readable, 1, -1);
    } else if (got >= 0 || errno != EINTR) {
      return last;
    }
  }
}

// A program that was started in place, while this process waits for it.
struct Started {
  PlanFailure failure = {kNoStep, 0, 0, 0};
  std::string words = {};  // LaunchResult.words
  pid_t child = -1;
  timespec start = {};  // CLOCK_MONOTONIC
  Descriptor record;  // where an init tells how its program has ended
  Descriptor pty;     // the socket with the master of its terminal, if it has one
};

// Starts the launcher with this process's descriptors. Returns when its program runs, or could not be started.
void startWithOwn(const LaunchRequest& request, Started& started) {
  (void)clock_gettime(CLOCK_MONOTONIC, &started.start);
  const LaunchResult result = launch(request);
  started.failure = result.failure;
  started.words = result.words;
  if (result.failure.error != 0) return;
  const bool isInit = request.namespaces != 0;
  started.record.reset(result.statusFd);
  started.pty.reset(result.pipes[0]);
  started.failure = lastRecord(result.statusFd, isInit);
  if (!isInit) started.record.reset(-1);
  close(result.pidFd);
  if (started.failure.error != 0) (void)waitpid(result.pid, nullptr, 0);
  started.child = result.pid;
}

// The program ends if this process cannot wait for it.
PlanFailure failWith(int error, const Started& started) {
  (void)kill(started.child, SIGKILL);
  (void)waitpid(started.child, nullptr, 0);
  return {kNoStep, PHASE_LAUNCHER, error, 0};
}

// Opens descriptors for the relay, which must not block on its input or output. Node has marked 0 to 2 close-on-exec.
void passOn(int fd, int access) {
  const int own = isReopenable(fd) ? reopen(fd, access) : -1;
  if (own >= 0) (void)dup2(own, fd);
  if (own >= 0) close(own);
  (void)fcntl(fd, F_SETFD, 0);
}

// Arguments and environment of the process that waits: launcher.cc, waitFor() and watchLimits().
struct WaiterWords {
  std::vector<std::string> argv = {"uchroot", "wait"}, environment;

  static std::vector<char*> pointersTo(std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (std::string& string : strings) pointers.push_back(string.data());
    pointers.push_back(nullptr);
    return pointers;
  }
};

// The launcher, by descriptor, so that this works in any root directory.
PlanFailure becomeWaiter(int launcherFd, const Started& started, WaiterWords& words) {
  std::vector<char*> argv = WaiterWords::pointersTo(words.argv), environment = WaiterWords::pointersTo(words.environment);
  (void)syscall(SYS_execveat, launcherFd, "", argv.data(), environment.data(), AT_EMPTY_PATH);
  return failWith(errno, started);
}

void addNumber(WaiterWords& words, int number) { words.argv.push_back(std::to_string(number)); }

// Hands over a descriptor, or -1.
void addDescriptor(WaiterWords& words, int fd) {
  if (fd >= 0) (void)fcntl(fd, F_SETFD, 0);
  addNumber(words, fd);
}

WaiterWords wordsFor(const Started& started, int goFd, const InPlace& given, const CgroupInPlace& cgroup) {
  WaiterWords words;
  addNumber(words, started.child);
  const Napi::Object waiter = given.given.Get("waiter").As<Napi::Object>();
  for (const char* key : {"uid", "gid", "parentPid"}) words.argv.push_back(waiter.Get(key).ToString().Utf8Value());
  addDescriptor(words, goFd);
  if (!given.limits().IsObject()) return words;
  const Napi::Object limits = given.limits().As<Napi::Object>();
  (void)fcntl(2, F_SETFD, 0);  // Node has marked it close-on-exec; if it is not open, nothing is told
  addDescriptor(words, started.record.get());
  for (const char* key : {"timeMs", "cpuMs"}) words.argv.push_back(limits.Get(key).ToString().Utf8Value());
  const Napi::Array told = limits.Get("words").As<Napi::Array>();
  for (uint32_t i = 0; i < told.Length(); i++) words.environment.push_back(told.Get(i).ToString().Utf8Value());
  if (given.countedCpuMs() > 0) words.environment.push_back("C" + std::to_string(get_nprocs()));
  words.environment.push_back("K" + limits.Get("killSignal").ToString().Utf8Value());
  words.environment.push_back("S" + std::to_string(started.start.tv_sec * 1'000'000 + started.start.tv_nsec / 1000));
  for (const auto& [letter, key] : {std::pair{"L", "lockFd"}, std::pair{"R", "resultFd"}}) {
    const int fd = given.number(key);
    if (fd < 0) continue;
    (void)fcntl(fd, F_SETFD, 0);
    words.environment.push_back(letter + std::to_string(fd));
  }
  if (const int reporter = given.number("reporterPid"); reporter > 0) words.environment.push_back("D" + std::to_string(reporter));
  cgroup.describe(words.environment);
  return words;
}

// The waiting process passes the input and output of the terminal on.
void handOver(WaiterWords& words, int masterFd) {
  words.argv[1] = std::to_string(masterFd);
  (void)fcntl(masterFd, F_SETFD, 0);
  passOn(STDIN_FILENO, O_RDONLY);
  passOn(STDOUT_FILENO, O_WRONLY);
}

// Returns only with a failure. `started.words`: see LaunchResult.
PlanFailure startAndWait(LaunchRequest& request, int goFd, const InPlace& given, Started& started) {
  CgroupInPlace cgroup;
  if (const PlanFailure failure = cgroup.make(request); failure.error != 0) return failure;
  // Before the program runs: its orphans must become children of this process (limitwatch.cc, killOrphans()). The setting survives
  // execve (PR_SET_CHILD_SUBREAPER(2const)).
  if (given.timeMs() > 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return cgroup.explain({kNoStep, 0, errno, 0});
  startWithOwn(request, started);
  if (started.failure.error != 0) return cgroup.explain(started.failure);
  Terminal terminal;
  const bool hasPty = started.pty.get() >= 0;
  if (const int error = hasPty ? terminal.take(started.pty.get()) : 0; error != 0) return failWith(error, started);
  WaiterWords words = wordsFor(started, goFd, given, cgroup);
  if (hasPty) handOver(words, terminal.master());
  return cgroup.explain(becomeWaiter(request.launcherFd, started, words));
}

// Opens a descriptor for the signals that ask a process to end. Node ignores none of them, even if its parent did.
int openEndSignals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) sigaddset(&wanted, signal);
  return signalfd(-1, &wanted, SFD_CLOEXEC);
}

Napi::Value execAndWait(const Napi::CallbackInfo& info) {
  const InPlace given(info);
  const Napi::Uint8Array bytes = given.plan();
  Recall recall;
  LaunchRequest request = {.plan = std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()),
                           .jailFd = given.number("jailFd"),
                           .launcherFd = given.number("launcherFd"),
                           .recall = &recall};
  request.outboundFd = numberOr(given.given.Get("outboundFd"), -1);
  const bool hasPty = isTrue(given.given.Get("hasPty"));
  for (int fd = 0; fd < 3; fd++) request.stdio[fd] = hasPty || fcntl(fd, F_GETFD) < 0 ? kIgnore : fd;
  if (hasPty) request.stdio[0] = kPty;
  const Napi::Array kept = given.given.Get("keptFds").As<Napi::Array>();
  for (uint32_t i = 0; i < kept.Length(); i++) {
    const int fd = kept.Get(i).As<Napi::Number>().Int32Value();
    request.kept.push_back({fd, fd});
  }
  takeNamespaces(request);
  Descriptor goRead, goWrite;
  if (request.namespaces != 0) {
    int go[2];
    if (pipe2(go, O_CLOEXEC) < 0) return toObject(info.Env(), {kNoStep, PHASE_DESCRIPTORS, errno, 0});
    goRead.reset(go[0]);
    goWrite.reset(go[1]);
    request.goFd = goRead.get();
    // no longer than the program could outlast its time: clock.cc
    const int64_t watchedMs = given.timeMs() > 0 ? given.timeMs() : given.countedCpuMs(), mostStartMs = watchedMs + kForceKillMs;
    request.limitsStart = watchedMs > 0;
    if (watchedMs > 0 && write(goWrite.get(), &mostStartMs, sizeof mostStartMs) != sizeof mostStartMs)
      return toObject(info.Env(), {kNoStep, PHASE_DESCRIPTORS, errno, 0});
  }
  // From now on, signals are for the program: the waiter reads them (launcher.cc).
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  blockSignalsOfOthers();
  // Until newuidmap has ended, there is no program that could get the signal.
  const Descriptor endSignals(request.hasIdMaps ? openEndSignals() : -1);
  request.signalFd = endSignals.get();
  Started started;
  const PlanFailure failure =
      withPidFile(given.given.Get("pidFile"), [&] { return startAndWait(request, goWrite.get(), given, started); });
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return toObject(info.Env(), failure, started.words);
}

// Shared memory in which the processes of a rehearsal report.
struct Rehearsal {
  PlanFailure progress;
  PlanFailure result;
  bool isOver;
};

// The step at which the process was killed, and the signal. The record has no errno.
PlanFailure endedBy(const PlanFailure& progress, uint32_t signal) { return {progress.step, progress.op, 0, signal}; }

Napi::Value rehearsePlan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const InPlace launch(info);
  const OwnPlan plan = copyPlan(launch.plan());
  if (!plan.words) return toObject(env, plan.failure);
  const int jailFd = launch.number("jailFd");
  void* shared = mmap(nullptr, sizeof(Rehearsal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return toObject(env, {kNoStep, PHASE_LOAD, errno, 0});
  auto* rehearsal = static_cast<Rehearsal*>(shared);
  int ways[2] = {-1, -1};
  const bool maps = hasIdMaps(plan.words.get());
  if (maps && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ways) < 0) return toObject(env, {kNoStep, PHASE_LOAD, errno, 0});
  const pid_t child = fork();
  if (child == 0) {
    // Only system calls are allowed here: another thread may have held a libc lock at the fork.
    closeIfOpen(ways[0]);
    PlanContext context = {.jailFd = jailFd, .mapFd = ways[1], .progress = &rehearsal->progress};
    rehearsal->result = runPlan(plan.words.get(), context);
    rehearsal->isOver = true;
    _exit(0);
  }
  const int forkError = child < 0 ? errno : 0;
  closeIfOpen(ways[1]);
  std::string words;
  PlanFailure refused = {kNoStep, 0, 0, 0};
  if (child > 0 && maps) refused = mapIds(plan.words.get(), {ways[0]}, child, words);
  closeIfOpen(ways[0]);  // a child that still asks fails
  int status = 0;
  pid_t waited = child;
  while (child > 0 && (waited = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  const Rehearsal seen = *rehearsal;
  (void)munmap(shared, sizeof(Rehearsal));
  if (child < 0) return toObject(env, {kNoStep, PHASE_LOAD, forkError, 0});
  if (refused.error != 0 && refused.error != ECANCELED) return toObject(env, refused, words);
  if (!seen.isOver) {
    const int signal = waited == child && WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
    return toObject(env, endedBy(seen.progress, static_cast<uint32_t>(signal)));
  }
  if (seen.result.error == 0) return env.Null();
  const bool isKilled = seen.result.step == kNoStep && seen.result.op == PHASE_EXECUTE;
  return toObject(env, isKilled ? endedBy(seen.progress, seen.result.detail) : seen.result);
}

}  // namespace

Napi::Object toObject(Napi::Env env, const PlanFailure& failure, const std::string& words) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("step", failure.step == kNoStep ? -1.0 : static_cast<double>(failure.step));
  object.Set("op", failure.op);
  object.Set("errno", failure.error);
  object.Set("detail", failure.detail);
  if (!words.empty()) object.Set("words", toBuffer(env, words));
  return object;
}

void initExec(Napi::Env env, Napi::Object exports) {
  exports.Set("execAndWait", Napi::Function::New<execAndWait>(env, "execAndWait"));
  exports.Set("execPlan", Napi::Function::New<execPlan>(env, "execPlan"));
  exports.Set("rehearsePlan", Napi::Function::New<rehearsePlan>(env, "rehearsePlan"));
}

}  // namespace uchroot
