// execPlan: runs a plan on this thread, and with that ends this program. It returns only a failure, after
// which the process may have lost its root directory and privileges: the caller reports and exits.

#include "exec.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>

#include "interpreter.h"
#include "values.h"

namespace uchroot {
namespace {

Napi::Value execPlan(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || !info[1].IsNumber()) {
    Napi::TypeError::New(info.Env(), "execPlan(plan: Uint8Array, jailFd: number)").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const uint32_t size = static_cast<uint32_t>(bytes.ByteLength());
  // A copy of our own, aligned: the plan is changed as it runs, and a Buffer of JS may start anywhere.
  const std::unique_ptr<uint64_t[]> plan(new (std::nothrow) uint64_t[size / 8 + 1]);
  if (!plan) return toObject(info.Env(), {kNoStep, STAGE_LOAD, ENOMEM, 0});
  std::memcpy(plan.get(), bytes.Data(), size);
  if (!checkPlan(plan.get(), size)) return toObject(info.Env(), {kNoStep, STAGE_CHECK, EINVAL, 0});
  const PlanFailure failure = runPlan(plan.get(), {info[1].As<Napi::Number>().Int32Value()});
  // As Node has them. A plan that has come to its last steps has reset them, and what the caller writes next would end
  // this process by a signal: its exit status would be lost.
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  return toObject(info.Env(), failure);
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
