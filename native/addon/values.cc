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
  } else if (const auto view = viewOf(value)) {
    bytes = *view;
  } else {
    wrongType(value.Env(), std::string(name) + " must be a string or a Uint8Array");
    return std::nullopt;
  }
  if (bytes.find('\0') != std::string::npos) {
    wrongType(value.Env(), std::string(name) + " must not contain a NUL byte");
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

std::optional<std::string_view> viewOf(Napi::Value value) {
  if (value.IsEmpty() || !value.IsTypedArray()) return std::nullopt;
  if (value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) return std::nullopt;
  const auto array = value.As<Napi::Uint8Array>();
  return std::string_view(reinterpret_cast<const char*>(array.Data()), array.ByteLength());
}

std::optional<std::vector<std::string>> toList(Napi::Value value, const char* name) {
  if (value.IsEmpty()) return std::nullopt;
  if (!value.IsArray()) {
    wrongType(value.Env(), std::string(name) + " must be an array");
    return std::nullopt;
  }
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> list;
  for (uint32_t at = 0; at < array.Length(); at++) {
    auto bytes = toBytes(array.Get(at), name);
    if (!bytes) return std::nullopt;
    list.push_back(std::move(*bytes));
  }
  return list;
}

int numberOr(Napi::Value value, int otherwise) {
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : otherwise;
}

Napi::Buffer<char> toBuffer(Napi::Env env, std::string_view bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

Napi::Value wrongType(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
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
