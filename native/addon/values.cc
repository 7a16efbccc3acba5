// Converts values from and to JS; see values.h.

#include "values.h"

#include <cerrno>
#include <cstring>

#include <uv.h>

namespace uchroot {

std::optional<std::string> toBytes(Napi::Value value, const char* name) {
  if (value.IsEmpty()) return std::nullopt;
  std::string bytes;
  if (value.IsString()) {
    bytes = value.As<Napi::String>().Utf8Value();
  } else if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
    bytes.assign(reinterpret_cast<const char*>(array.Data()), array.ByteLength());
  } else {
    Napi::TypeError::New(value.Env(), std::string(name) + " must be a string or a Uint8Array")
        .ThrowAsJavaScriptException();
    return std::nullopt;
  }
  if (bytes.find('\0') != std::string::npos) {
    Napi::TypeError::New(value.Env(), std::string(name) + " must not contain a NUL byte")
        .ThrowAsJavaScriptException();
    return std::nullopt;
  }
  return bytes;
}

std::optional<uint32_t> toUint32(Napi::Value value, const char* name) {
  if (value.IsEmpty()) return std::nullopt;
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= 0 && number <= 4294967295.0 && number == static_cast<uint32_t>(number)) {
      return static_cast<uint32_t>(number);
    }
  }
  Napi::RangeError::New(value.Env(), std::string(name) + " must be a whole number from 0 to 4294967295")
      .ThrowAsJavaScriptException();
  return std::nullopt;
}

bool isTrue(Napi::Value value) {
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

void throwErrno(Napi::Env env, int error, const char* call, const std::string& path) {
  const char* code = uv_err_name(-error);
  Napi::Error thrown = Napi::Error::New(env, std::string(code) + ": " + std::strerror(error) + ", " + call);
  thrown.Set("code", Napi::String::New(env, code));
  thrown.Set("errno", Napi::Number::New(env, -error));
  thrown.Set("syscall", Napi::String::New(env, call));
  if (!path.empty()) thrown.Set("path", Napi::String::New(env, path));
  thrown.ThrowAsJavaScriptException();
}

Napi::Value checked(Napi::Env env, long result, const char* call, const std::string& path) {
  if (result < 0) throwErrno(env, errno, call, path);
  return env.Undefined();
}

}  // namespace uchroot
