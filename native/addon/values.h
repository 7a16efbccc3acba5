// Converts values from and to JS.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

namespace uchroot {

// In a worker that is being terminated, most calls of Node-API fail, and the wrapper returns empty values. What takes an empty
// value's environment then ends the process. So these functions return nothing for an empty value.

// The bytes of a string or a Uint8Array. Throws a JS TypeError and returns nothing for other values, and for bytes with a NUL,
// which would truncate a C string.
std::optional<std::string> toBytes(Napi::Value value, const char* name);

// An unsigned 32-bit number. Throws a JS RangeError and returns nothing for any other value.
std::optional<uint32_t> toUint32(Napi::Value value, const char* name);

// False for anything but true. ToBoolean() would fail in such a worker.
bool isTrue(Napi::Value value);

// Throws an error like Node's own system errors: code, errno (negative), syscall, path.
void throwErrno(Napi::Env env, int error, const char* call, const std::string& path = "");

// A function of `call`, which finds `held` as its data. `held` lives as long as the function. Empty in such a worker.
template <typename Held, typename Call>
Napi::Value functionWith(Napi::Env env, Call call, const char* name, std::unique_ptr<Held> held) {
  Napi::Function function = Napi::Function::New(env, call, name, held.get());
  if (function.IsEmpty()) return function;
  function.AddFinalizer([](Napi::Env, Held* old) { delete old; }, held.release());
  return function;
}

// Returns undefined. If `result` is -1, it throws the errno of the libc call.
Napi::Value checked(Napi::Env env, long result, const char* call, const std::string& path = "");

}  // namespace uchroot
