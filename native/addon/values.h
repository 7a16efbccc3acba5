// Converts values from and to JS.
#pragma once

#include <napi.h>

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

// Returns undefined. If `result` is -1, it throws the errno of the libc call.
Napi::Value checked(Napi::Env env, long result, const char* call, const std::string& path = "");

}  // namespace uchroot
