// Calls into JS from an event of the loop, at which an environment may be about to end.
#pragma once

#include <napi.h>

#include <initializer_list>

namespace uchroot {

// When an environment ends, its loop turns once more before the cleanup hooks are called, and JS may not be called.
inline bool mayCallJs(napi_env env) {
  napi_value array, zero;
  return napi_create_array(env, &array) == napi_ok && napi_create_int32(env, 0, &zero) == napi_ok &&
         napi_set_element(env, array, 0, zero) == napi_ok;
}

inline void callJs(napi_env env, Napi::FunctionReference& function,
                   const std::initializer_list<napi_value>& arguments) {
  napi_value result;
  // The plain call: the wrapper's throws again, which is fatal while a worker is being terminated.
  if (napi_make_callback(env, nullptr, Napi::Env(env).Global(), function.Value(), arguments.size(),
                         arguments.begin(), &result) == napi_ok) {
    return;
  }
  // A listener of the service threw: that is its uncaught exception, as with any event.
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    (void)napi_fatal_exception(env, error);
  }
}

}  // namespace uchroot
