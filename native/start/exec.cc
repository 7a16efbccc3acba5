// execPlan: runs a plan on this thread, in place of this process. It returns only if the plan fails. By then the process may have
// lost its root directory and privileges, so the caller must report and exit.
//
// rehearsePlan: runs the steps before execve in a child.

#include "exec.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../plan/interpreter.h"
#include "../plan/removal.h"
#include "../addon/values.h"

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

// If the plan fails, the pid file is removed, even if this thread has lost the rights to do it.
PlanFailure runWithPidFile(void* plan, const PlanContext& context, const Napi::Object& pidFile) {
  const Napi::Buffer<char> bytes = pidFile.Get("name").As<Napi::Buffer<char>>();
  const std::string name(bytes.Data(), bytes.Length());
  alignas(16) uint8_t stack[kRemovalStackBytes];
  Removal removal = {.directory = pidFile.Get("directoryFd").As<Napi::Number>().Int32Value(),
                     .file = pidFile.Get("fileFd").As<Napi::Number>().Int32Value(),
                     .name = name.c_str()};
  startRemoval(&removal, stack + sizeof stack);
  const PlanFailure failure = runPlan(plan, context);
  takeBack(&removal);
  return failure;
}

Napi::Value execPlan(const Napi::CallbackInfo& info) {
  if (!takesPlan(info, "execPlan")) return info.Env().Undefined();
  const OwnPlan plan = copyPlan(info[0].As<Napi::Uint8Array>());
  if (!plan.words) return toObject(info.Env(), plan.failure);
  const PlanContext context = {.jailFd = info[1].As<Napi::Number>().Int32Value(), .hasThreads = true};
  const PlanFailure failure = info[2].IsObject()
                                  ? runWithPidFile(plan.words.get(), context, info[2].As<Napi::Object>())
                                  : runPlan(plan.words.get(), context);
  // Node ignores these signals. The last steps of a plan reset them. Without this, the caller's next write could kill this
  // process, and its exit status would be lost.
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
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
    rehearsal->result = runPlan(plan.words.get(), {.jailFd = jailFd, .progress = &rehearsal->progress});
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
  exports.Set("execPlan", Napi::Function::New<execPlan>(env, "execPlan"));
  exports.Set("rehearsePlan", Napi::Function::New<rehearsePlan>(env, "rehearsePlan"));
}

}  // namespace uchroot
