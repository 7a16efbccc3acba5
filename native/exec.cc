// execPlan: runs a plan on this thread, and with that ends this program. It returns only a failure, after
// which the process may have lost its root directory and privileges: the caller reports and exits.

#include "exec.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "interpreter.h"
#include "removal.h"
#include "values.h"

namespace uchroot {
namespace {

// The pid file goes away if the plan fails, although by then it may be out of this thread's reach.
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
  if (!info[0].IsTypedArray() || !info[1].IsNumber()) {
    Napi::TypeError::New(info.Env(), "execPlan(plan: Uint8Array, jailFd: number, pidFile?: PidFile)").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const uint32_t size = static_cast<uint32_t>(bytes.ByteLength());
  // A copy of our own, aligned: the plan is changed as it runs, and a Buffer of JS may start anywhere.
  const std::unique_ptr<uint64_t[]> plan(new (std::nothrow) uint64_t[size / 8 + 1]);
  if (!plan) return toObject(info.Env(), {kNoStep, STAGE_LOAD, ENOMEM, 0});
  std::memcpy(plan.get(), bytes.Data(), size);
  if (!checkPlan(plan.get(), size)) return toObject(info.Env(), {kNoStep, STAGE_CHECK, EINVAL, 0});
  const PlanContext context = {info[1].As<Napi::Number>().Int32Value()};
  if (!info[2].IsObject()) return toObject(info.Env(), runPlan(plan.get(), context));
  return toObject(info.Env(), runWithPidFile(plan.get(), context, info[2].As<Napi::Object>()));
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
}

}  // namespace uchroot
