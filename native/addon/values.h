// Converts values from and to JS.
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace uchroot {

// In a worker that is being terminated, most calls of Node-API fail, and the wrapper returns empty values. What takes an empty
// value's environment then ends the process. So these functions return nothing for an empty value.

// The bytes of a string or a Uint8Array. Throws a JS TypeError and returns nothing for other values, and for bytes with a NUL,
// which would truncate a C string.
std::optional<std::string> toBytes(Napi::Value value, const char* name);

// An unsigned 32-bit number. Throws a JS RangeError and returns nothing for any other value.
std::optional<uint32_t> toUint32(Napi::Value value, const char* name);

// The bytes of a Uint8Array, as long as JS keeps it; nothing, and no error, for any other value.
std::optional<std::string_view> viewOf(Napi::Value value);

// The elements of an array of strings or Uint8Arrays. Throws a JS TypeError and returns nothing for anything else.
std::optional<std::vector<std::string>> toList(Napi::Value value, const char* name);

// The number of a key or element that may be missing.
int numberOr(Napi::Value value, int otherwise);

// False for anything but true. ToBoolean() would fail in such a worker.
bool isTrue(Napi::Value value);

Napi::Buffer<char> toBuffer(Napi::Env env, std::string_view bytes);

// Throws a JS TypeError and returns undefined.
Napi::Value wrongType(Napi::Env env, const std::string& message);

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

template <typename T>
std::optional<T> toArgument(Napi::Value value, const char* name) {
  if constexpr (std::is_same_v<T, bool>) {
    return isTrue(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return toBytes(value, name);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return toList(value, name);
  } else {
    const auto number = toUint32(value, name);
    return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
  }
}

// Calls `body` with the first arguments of a call: an int is a descriptor, a string may be bytes, a bool that is missing is false.
// For an invalid one it throws a JS error with the argument's name, and returns undefined.
template <typename... T, typename Body>
Napi::Value withArguments(const Napi::CallbackInfo& info, const std::array<const char*, sizeof...(T)>& names, Body body) {
  size_t at = 0;
  bool isValid = true;
  const auto next = [&]<typename One>(std::optional<One>* read) {
    if (isValid) *read = toArgument<One>(info[at], names[at]);
    isValid = isValid && read->has_value();
    at++;
  };
  std::tuple<std::optional<T>...> read;
  std::apply([&](auto&... each) { (next(&each), ...); }, read);
  if (!isValid) return info.Env().Undefined();
  return std::apply([&](auto&... each) -> Napi::Value { return body(*each...); }, read);
}

// Returns undefined. If `result` is -1, it throws the errno of the libc call.
Napi::Value checked(Napi::Env env, long result, const char* call, const std::string& path = "");

}  // namespace uchroot
