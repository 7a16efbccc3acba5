// PendingCalls, callJs and Promise; see pending.h.

#include "pending.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace uchroot {

PendingCall::PendingCall(PendingCalls& calls, CallKind kind) : calls_(calls), kind_(kind) {
  do id_ = ++calls.lastId_;
  while (!calls.calls_.emplace(id_, this).second);
}

PendingCall::~PendingCall() {
  calls_.calls_.erase(id_);
  calls_.closeIfIdle();
}

PendingCalls::PendingCalls(napi_env env) : env_(env), tid_(static_cast<pid_t>(syscall(SYS_gettid))) {}

PendingCalls* PendingCalls::open(Napi::Env env) {
  auto* calls = new PendingCalls(env);
  const auto onAsync = [](uv_async_t* handle) { static_cast<PendingCalls*>(handle->data)->land(); };
  const auto onCleanup = [](napi_async_cleanup_hook_handle hook, void* data) {
    static_cast<PendingCalls*>(data)->shutDown(hook);
  };
  if (napi_get_uv_event_loop(env, &calls->loop_) != napi_ok ||
      uv_async_init(calls->loop_, &calls->async_, onAsync) != 0 ||
      napi_add_async_cleanup_hook(env, onCleanup, calls, &calls->hook_) != napi_ok) {
    Napi::Error::New(env, "the event loop cannot be reached").ThrowAsJavaScriptException();
    return nullptr;
  }
  calls->async_.data = calls;
  uv_unref(reinterpret_cast<uv_handle_t*>(&calls->async_));
  return calls;
}

bool PendingCalls::isMainThread() const { return tid_ == getpid(); }

void PendingCalls::post(uint32_t id, std::function<void(PendingCall&)> land) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (isClosed_) return;
  arrived_.push_back({id, std::move(land)});
  (void)uv_async_send(&async_);  // uv_async_send does not fail for an open handle
}

void PendingCalls::hold() {
  if (held_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&async_));
}

void PendingCalls::letGo() {
  if (--held_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
}

void PendingCalls::land() {
  std::vector<Arrival> arrived;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    arrived.swap(arrived_);
  }
  for (const Arrival& arrival : arrived) {
    const auto found = calls_.find(arrival.id);
    if (found != calls_.end()) arrival.land(*found->second);
  }
}

void PendingCalls::shutDown(napi_async_cleanup_hook_handle hook) {
  isClosing_ = true;
  hook_ = hook;
  std::vector<uint32_t> ids;
  for (const auto& [id, call] : calls_) ids.push_back(id);
  for (const uint32_t id : ids) {
    const auto found = calls_.find(id);
    if (found != calls_.end()) found->second->shutDown();
  }
  closeIfIdle();
}

void PendingCalls::closeIfIdle() {
  if (!isClosing_ || !calls_.empty()) return;
  std::vector<Arrival> late;  // nothing takes these any more, and what they own ends here
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(isClosed_, true)) return;
    late.swap(arrived_);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* closed) {
    (void)napi_remove_async_cleanup_hook(static_cast<PendingCalls*>(closed->data)->hook_);
  });
}

bool mayCallJs(napi_env env) {
  // The cheapest call that fails in that time: every callback begins with it.
  napi_value zero, no;
  return napi_create_int32(env, 0, &zero) == napi_ok && napi_coerce_to_bool(env, zero, &no) == napi_ok;
}

void callJs(napi_env env, Napi::FunctionReference& function, const std::initializer_list<napi_value>& arguments) {
  napi_value result;
  // The plain N-API call: the wrapper's call would throw in C++, which aborts while a worker is being terminated.
  if (napi_make_callback(env, nullptr, Napi::Env(env).Global(), function.Value(), arguments.size(),
                         arguments.begin(), &result) == napi_ok) {
    return;
  }
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    (void)napi_fatal_exception(env, error);
  }
}

Promise::Promise(napi_env env) : env_(env) {
  if (napi_create_promise(env, &deferred_, &value_) != napi_ok) {
    deferred_ = nullptr;
    value_ = nullptr;
  }
}

void Promise::resolve(napi_value answer) const {
  if (deferred_ != nullptr) (void)napi_resolve_deferred(env_, deferred_, answer);
}

void Promise::reject(napi_value error) const {
  if (deferred_ != nullptr) (void)napi_reject_deferred(env_, deferred_, error);
}

constexpr size_t kStackBytes = 1u << 20;  // NSS modules need more than the smallest stack, and musl gives 128 KB

int startThread(void* (*run)(void*), void* data, pthread_t* joined) {
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  (void)pthread_attr_setstacksize(&attributes, kStackBytes);
  if (joined == nullptr) (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // Signals are for the process's other threads. A new thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  error = pthread_create(joined == nullptr ? &thread : joined, &attributes, run, data);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  (void)pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace uchroot
