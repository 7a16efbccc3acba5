// A promise of JS, for the answer of a thread.
#pragma once

#include <napi.h>

namespace uchroot {

// In a worker that is being terminated no promise can be made, and the wrapper's would be uninitialised memory: this one is
// empty then, undefined for JS, and nobody hears of the answer.
class Promise {
 public:
  explicit Promise(napi_env env) : env_(env) {
    if (napi_create_promise(env, &deferred_, &value_) != napi_ok) {
      deferred_ = nullptr;
      value_ = nullptr;
    }
  }

  // For the call that makes it: no longer than its handle scope.
  Napi::Value value() const { return Napi::Value(env_, value_); }

  void resolve(napi_value answer) const {
    if (deferred_ != nullptr) (void)napi_resolve_deferred(env_, deferred_, answer);
  }
  void reject(napi_value error) const {
    if (deferred_ != nullptr) (void)napi_reject_deferred(env_, deferred_, error);
  }

 private:
  napi_env env_;
  napi_deferred deferred_ = nullptr;
  napi_value value_ = nullptr;
};

}  // namespace uchroot
