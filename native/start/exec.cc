// execPlan: runs a plan on this thread, in place of this process. It returns only if the plan fails. By then the process may have
// lost its root directory and privileges, so the caller must report and exit.
//
// execWaiting: the same for a program in a pid namespace, or with a terminal of its own. This process starts it and becomes the
// launcher, which waits for it.
//
// rehearsePlan: runs the steps before execve in a child.

#include "exec.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../files/descriptor.h"
#include "../plan/interpreter.h"
#include "../plan/removal.h"
#include "../addon/values.h"
#include "launch.h"
#include "pipes.h"
#include "terminal.h"

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

bool takesPlan(const Napi::CallbackInfo& info, const char* name) {
  if (info[0].IsTypedArray() && info[1].IsNumber()) return true;
  Napi::TypeError::New(info.Env(), std::string(name) + "(plan: Uint8Array, jailFd: number, pidFile?: PidFile)").ThrowAsJavaScriptException();
  return false;
}

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
  if (!takesPlan(info, "execPlan")) return info.Env().Undefined();
  const OwnPlan plan = copyPlan(info[0].As<Napi::Uint8Array>());
  if (!plan.words) return toObject(info.Env(), plan.failure);
  PlanContext context = {.jailFd = info[1].As<Napi::Number>().Int32Value(), .hasThreads = true};
  const PlanFailure failure = withPidFile(info[2], [&] { return runPlan(plan.words.get(), context); });
  ignoreWriteSignals();
  return toObject(info.Env(), failure);
}

// The last record of a launcher before its program runs. Without one it was killed. An init does not end its pipe.
PlanFailure lastRecord(int statusFd, bool isInit) {
  PlanFailure last = {kNoStep, PHASE_EXECUTE, ECANCELED, 0};
  PlanFailure record;
  for (;;) {
    const ssize_t got = read(statusFd, &record, sizeof record);
    if (got == static_cast<ssize_t>(sizeof record)) {
      last = record;
      if (record.error == 0 && isInit) return last;
    } else if (got < 0 && errno == EAGAIN) {
      pollfd readable = {statusFd, POLLIN, 0};
      (void)poll(&readable, 1, -1);
    } else if (got >= 0 || errno != EINTR) {
      return last;
    }
  }
}

// A program that runs. This process becomes the one that waits for it.
struct Started {
  pid_t child = -1;
  Descriptor pty;  // the socket with the master of its terminal, if it has one
};

// Starts the launcher with this process's descriptors. Returns when its program runs, or could not be started.
PlanFailure startWithOwn(const LaunchRequest& request, Started* started) {
  const LaunchResult result = launch(request);
  if (result.failure.error != 0) return result.failure;
  started->pty.reset(result.pipes[0]);
  const PlanFailure last = lastRecord(result.statusFd, request.namespaces != 0);
  close(result.statusFd);
  close(result.pidFd);
  if (last.error != 0) (void)waitpid(result.pid, nullptr, 0);
  started->child = result.pid;
  return last;
}

// The program ends if this process cannot wait for it.
PlanFailure failWith(int error, const Started& started) {
  (void)kill(started.child, SIGKILL);
  (void)waitpid(started.child, nullptr, 0);
  return {kNoStep, PHASE_LAUNCHER, error, 0};
}

// A relay must not block on its input or output. Node has marked 0 to 2 close-on-exec.
void passOn(int fd, int access) {
  const int own = isReopenable(fd) ? reopen(fd, access) : -1;
  if (own >= 0) (void)dup2(own, fd);
  if (own >= 0) close(own);
  (void)fcntl(fd, F_SETFD, 0);
}

// The launcher, by descriptor, so that this works in any root directory: launcher.cc, waitFor().
PlanFailure becomeWaiter(int launcherFd, const Started& started, int goFd, const Napi::Array& waiter) {
  Terminal terminal;
  if (started.pty.get() >= 0) {
    if (const int error = terminal.take(started.pty.get()); error != 0) return failWith(error, started);
    passOn(STDIN_FILENO, O_RDONLY);
    passOn(STDOUT_FILENO, O_WRONLY);
    (void)fcntl(STDERR_FILENO, F_SETFD, 0);
  }
  const int masterFd = terminal.master();
  std::string words[6] = {masterFd < 0 ? "wait" : std::to_string(masterFd), std::to_string(started.child)};
  for (uint32_t i = 0; i < 3; i++) words[i + 2] = waiter.Get(i).ToString().Utf8Value();
  words[5] = std::to_string(goFd);
  char name[] = "uchroot";
  char* argv[] = {name,            words[0].data(), words[1].data(), words[2].data(),
                  words[3].data(), words[4].data(), words[5].data(), nullptr};
  char* environment[] = {nullptr};
  (void)fcntl(goFd, F_SETFD, 0);
  if (masterFd >= 0) (void)fcntl(masterFd, F_SETFD, 0);
  (void)syscall(SYS_execveat, launcherFd, "", argv, environment, AT_EMPTY_PATH);
  return failWith(errno, started);
}

// execWaiting(plan, jailFd, launcherFd, kept: number[], [uid, gid, parent pid or 0], pidFile?, hasPty)
Napi::Value execWaiting(const Napi::CallbackInfo& info) {
  if (!takesPlan(info, "execWaiting")) return info.Env().Undefined();
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Recall recall;
  LaunchRequest request = {.plan = std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()),
                           .jailFd = info[1].As<Napi::Number>().Int32Value(),
                           .launcherFd = info[2].As<Napi::Number>().Int32Value(),
                           .recall = &recall};
  const bool hasPty = info[6].IsBoolean() && info[6].As<Napi::Boolean>().Value();
  for (int fd = 0; fd < 3; fd++) request.stdio[fd] = hasPty || fcntl(fd, F_GETFD) < 0 ? kIgnore : fd;
  if (hasPty) request.stdio[0] = kPty;
  const Napi::Array kept = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < kept.Length(); i++) {
    const int fd = kept.Get(i).As<Napi::Number>().Int32Value();
    request.kept.push_back({fd, fd});
  }
  takeNamespaces(request);
  int go[2];
  if (pipe2(go, O_CLOEXEC) < 0) return toObject(info.Env(), {kNoStep, PHASE_DESCRIPTORS, errno, 0});
  const Descriptor goRead(go[0]), goWrite(go[1]);
  request.goFd = goRead.get();
  // A signal that comes now is for the program: it is read by the waiter (launcher.cc).
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  const PlanFailure failure = withPidFile(info[5], [&] {
    Started started;
    const PlanFailure failure = startWithOwn(request, &started);
    return failure.error != 0 ? failure : becomeWaiter(request.launcherFd, started, goWrite.get(), info[4].As<Napi::Array>());
  });
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return toObject(info.Env(), failure);
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
  if (!takesPlan(info, "rehearsePlan")) return env.Undefined();
  const OwnPlan plan = copyPlan(info[0].As<Napi::Uint8Array>());
  if (!plan.words) return toObject(env, plan.failure);
  const int jailFd = info[1].As<Napi::Number>().Int32Value();
  void* shared = mmap(nullptr, sizeof(Rehearsal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return toObject(env, {kNoStep, PHASE_LOAD, errno, 0});
  auto* rehearsal = static_cast<Rehearsal*>(shared);
  const pid_t child = fork();
  if (child == 0) {
    // Only system calls are allowed here: another thread may have held a libc lock at the fork.
    PlanContext context = {.jailFd = jailFd, .progress = &rehearsal->progress};
    rehearsal->result = runPlan(plan.words.get(), context);
    rehearsal->isOver = true;
    _exit(0);
  }
  const int forkError = child < 0 ? errno : 0;
  int status = 0;
  pid_t waited = child;
  while (child > 0 && (waited = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  const Rehearsal seen = *rehearsal;
  (void)munmap(shared, sizeof(Rehearsal));
  if (child < 0) return toObject(env, {kNoStep, PHASE_LOAD, forkError, 0});
  if (!seen.isOver) {
    const int signal = waited == child && WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
    return toObject(env, endedBy(seen.progress, static_cast<uint32_t>(signal)));
  }
  if (seen.result.error == 0) return env.Null();
  const bool isKilled = seen.result.step == kNoStep && seen.result.op == PHASE_EXECUTE;
  return toObject(env, isKilled ? endedBy(seen.progress, seen.result.detail) : seen.result);
}

}  // namespace

Napi::Object toObject(Napi::Env env, const PlanFailure& failure) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("step", failure.step == kNoStep ? -1.0 : static_cast<double>(failure.step));
  object.Set("op", failure.op);
  object.Set("errno", failure.error);
  object.Set("detail", failure.detail);
  return object;
}

void initExec(Napi::Env env, Napi::Object exports) {
  exports.Set("execWaiting", Napi::Function::New<execWaiting>(env, "execWaiting"));
  exports.Set("execPlan", Napi::Function::New<execPlan>(env, "execPlan"));
  exports.Set("rehearsePlan", Napi::Function::New<rehearsePlan>(env, "rehearsePlan"));
}

}  // namespace uchroot
