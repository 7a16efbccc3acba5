// Calls of JS that other threads work on, and how their answers come back to the event loop.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace uchroot {

class PendingCalls;

enum class CallKind { kPrograms, kProgram, kTree, kHostName };

// A call that is not over. It is listed until it is deleted, which happens on the event loop.
class PendingCall {
 public:
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // The number that JS has for it.
  uint32_t id() const { return id_; }
  CallKind kind() const { return kind_; }

  // The environment ends: no JS runs any more. The call ends as soon as it can, and deletes itself.
  virtual void shutDown() = 0;

 protected:
  PendingCall(PendingCalls& calls, CallKind kind);
  virtual ~PendingCall();

  PendingCalls& calls_;

 private:
  const CallKind kind_;
  uint32_t id_ = 0;
};

// The pending calls of one environment, which is the main thread or a worker. An environment that ends waits until there are none.
class PendingCalls {
 public:
  // Lives as long as the process, since a thread may post after the end of the environment: some bytes for each environment that
  // loads the addon. Throws a JS error and returns nullptr if there is no event loop.
  static PendingCalls* open(Napi::Env env);

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  // Of the environment's own thread.
  pid_t tid() const { return tid_; }
  bool isMainThread() const;
  bool isClosing() const { return isClosing_; }

  // On any thread: has `land` run on the event loop, unless the call is over by then.
  void post(uint32_t id, std::function<void(PendingCall&)> land);

  // The event loop stays alive from each hold() to its letGo().
  void hold();
  void letGo();

  // The call with this number, if it is of this kind.
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

  const napi_env env_;
  const pid_t tid_;
  uv_loop_t* loop_ = nullptr;
  uv_async_t async_ = {};
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::unordered_map<uint32_t, PendingCall*> calls_;
  uint32_t lastId_ = 0;
  size_t held_ = 0;
  bool isClosing_ = false;
  std::mutex mutex_;  // for the rest
  bool isClosed_ = false;
  std::vector<Arrival> arrived_;
};

// When an environment ends, its loop turns once more before the cleanup hooks are called. JS must not be called then.
bool mayCallJs(napi_env env);

// Calls a function from an event of the loop. An error that it throws is an uncaught exception.
void callJs(napi_env env, Napi::FunctionReference& function, const std::initializer_list<napi_value>& arguments);

// The promise for the answer of a thread. No promise can be made in a worker that is being terminated, and the wrapper's would be
// uninitialised memory. Then this one is empty: JS gets undefined, and nobody hears of the answer.
class Promise {
 public:
  explicit Promise(napi_env env);

  // For the call that makes it: no longer than its handle scope.
  Napi::Value value() const { return Napi::Value(env_, value_); }

  void resolve(napi_value answer) const;
  void reject(napi_value error) const;

 private:
  napi_env env_;
  napi_deferred deferred_ = nullptr;
  napi_value value_ = nullptr;
};

}  // namespace uchroot
