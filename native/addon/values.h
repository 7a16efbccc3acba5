// JS values in, JS values out: what every file of the addon needs at its Node-API surface.
#pragma once

#include <napi.h>

#include <optional>
#include <string>

namespace uchroot {

// The bytes of a string or a Uint8Array. Throws a JS TypeError and returns nothing for anything else, and
// for bytes with a NUL in them, which a C string would cut short.
std::optional<std::string> toBytes(Napi::Value value, const char* name);

// An unsigned 32-bit number; throws a JS RangeError and returns nothing for anything else.
std::optional<uint32_t> toUint32(Napi::Value value, const char* name);

// Throws what Node's own system errors look like: code, errno (negative), syscall, path.
void throwErrno(Napi::Env env, int error, const char* call, const std::string& path = "");

// Returns undefined, after throwing the errno of a libc call that answered -1.
Napi::Value checked(Napi::Env env, long result, const char* call, const std::string& path = "");

}  // namespace uchroot
