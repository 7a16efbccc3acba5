// Calls from JS that run on other threads. Their answers return to the event loop.
#pragma once

#include <napi.h>
#include <pthread.h>
#include <uv.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace uchroot {

class PendingCalls;

enum class CallKind { kPrograms, kProgram, kTree, kHostName, kHost, kIdle, kWatch, kGate };

// A pending call. It is listed until it is deleted, on the event loop.
class PendingCall {
 public:
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // The number by which JS refers to the call.
  uint32_t id() const { return id_; }
  CallKind kind() const { return kind_; }

  // The environment ends, and no JS runs any more. The call must end soon and delete itself.
  virtual void shutDown() = 0;

 protected:
  PendingCall(PendingCalls& calls, CallKind kind);
  virtual ~PendingCall();

  PendingCalls& calls_;

 private:
  const CallKind kind_;
  uint32_t id_ = 0;
};

// The pending calls of one environment, the main thread or a worker. An ending environment waits until none is left.
class PendingCalls {
 public:
  // The object lives as long as the process, because a thread may call post() after the environment's end. That is some bytes for
  // each environment. If there is no event loop, it throws a JS error and returns nullptr.
  static PendingCalls* open(Napi::Env env);

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  // The thread id of the environment.
  pid_t tid() const { return tid_; }
  bool isMainThread() const;
  bool isClosing() const { return isClosing_; }

  // Calls `land` on the event loop, unless the call is over by then. May be called on any thread.
  void post(uint32_t id, std::function<void(PendingCall&)> land);

  // The event loop stays alive between hold() and letGo().
  void hold();
  void letGo();

  // The call with this number; nullptr if there is none of this kind.
  template <typename Call>
  Call* find(uint32_t id) const {
    const auto found = calls_.find(id);
    return found == calls_.end() || found->second->kind() != Call::kKind ? nullptr : static_cast<Call*>(found->second);
  }

 private:
  friend class PendingCall;
  explicit PendingCalls(napi_env env);
  void land();
  void shutDown(napi_async_cleanup_hook_handle hook);
  void closeIfIdle();

  struct Arrival {
    uint32_t id;
    std::function<void(PendingCall&)> land;
  };

  napi_env env_;
  const pid_t tid_;
  uv_loop_t* loop_ = nullptr;
  uv_async_t async_ = {};
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::unordered_map<uint32_t, PendingCall*> calls_;
  uint32_t lastId_ = 0;
  size_t held_ = 0;
  bool isClosing_ = false;
  std::mutex mutex_;  // protects all members below
  bool isClosed_ = false;
  std::vector<Arrival> arrived_;
};

// When an environment ends, its event loop runs once more before the cleanup hooks. In that time JS must not be called: then this
// returns false.
bool mayCallJs(napi_env env);

// Calls a JS function from an event loop callback. If the function throws, that is an uncaught exception.
void callJs(napi_env env, Napi::FunctionReference& function, const std::initializer_list<napi_value>& arguments);

// A promise that another thread's answer settles. In a worker that is being terminated no promise can be made. Then this object
// is empty and JS gets undefined.
class Promise {
 public:
  explicit Promise(napi_env env);

  // Valid only in the handle scope of the call that makes the promise.
  Napi::Value value() const { return Napi::Value(env_, value_); }

  void resolve(napi_value answer) const;
  void reject(napi_value error) const;

 private:
  napi_env env_;
  napi_deferred deferred_ = nullptr;
  napi_value value_ = nullptr;
};

// Runs `run(data)` on a thread of its own, in which all signals are blocked. The caller joins it if it passes `joined`; otherwise nobody waits for the thread. Returns
// 0 or an errno.
int startThread(void* (*run)(void*), void* data, pthread_t* joined = nullptr);

}  // namespace uchroot
