// Searches the bytes of programs and scripts for many texts at once.

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../files/wantedtexts.h"
#include "init.h"
#include "values.h"

namespace uchroot {
namespace {

// The bytes of a Uint8Array; nothing for any other value.
std::optional<std::string_view> viewOf(Napi::Value value) {
  if (value.IsEmpty() || !value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(value.As<Napi::Uint8Array>().Data()), array.ByteLength());
}

// find(how, data, filter) → the indices of the found texts
Napi::Value findTexts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& wanted = *static_cast<const WantedTexts*>(info.Data());
  const std::string how = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  const auto data = viewOf(info[1]), filter = viewOf(info[2]);
  if (!data || (filter && filter->size() != kFilterBytes)) {
    Napi::TypeError::New(env, "find(how, data, filter)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* bits = filter ? reinterpret_cast<uint8_t*>(const_cast<char*>(filter->data())) : nullptr;
  std::vector<uint32_t> found;
  if (how == "words") {
    found = wanted.findWords(*data, bits);
  } else if (how == "commands") {
    found = wanted.findCommands(*data, bits);
  } else if (how == "paths") {
    found = wanted.findPaths(*data, bits);
  } else if (how == "possible" && data->size() == kFilterBytes) {
    found = wanted.possibleIn(reinterpret_cast<const uint8_t*>(data->data()));
  } else {
    Napi::TypeError::New(env, "unknown search").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Array indices = Napi::Array::New(env, found.size());
  for (uint32_t at = 0; at < found.size(); at++) indices.Set(at, Napi::Number::New(env, found[at]));
  return indices;
}

// openTexts(texts) → find. Each text ends in NUL.
Napi::Value openTexts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto texts = viewOf(info[0]);
  if (!texts || (!texts->empty() && texts->back() != '\0')) {
    Napi::TypeError::New(env, "openTexts(texts): a Uint8Array that ends in NUL").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* wanted = new WantedTexts(std::string(*texts));
  Napi::Function find = Napi::Function::New(env, findTexts, "findTexts", wanted);
  find.AddFinalizer([](Napi::Env, WantedTexts* held) { delete held; }, wanted);
  return find;
}

}  // namespace

void initTexts(Napi::Env env, Napi::Object exports) {
  exports.Set("openTexts", Napi::Function::New<openTexts>(env, "openTexts"));
}

}  // namespace uchroot
