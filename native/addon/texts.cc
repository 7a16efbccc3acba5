// Searches the bytes of programs and scripts for many texts at once, and lists of files for lines.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../files/lines.h"
#include "../files/wantedtexts.h"
#include "init.h"

namespace uchroot {
namespace {

// The bytes of a Uint8Array; nothing for any other value.
std::optional<std::string_view> viewOf(Napi::Value value) {
  if (value.IsEmpty() || !value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(value.As<Napi::Uint8Array>().Data()), array.ByteLength());
}

Napi::Array toArray(Napi::Env env, const std::vector<uint32_t>& numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (uint32_t at = 0; at < numbers.size(); at++) array.Set(at, Napi::Number::New(env, numbers[at]));
  return array;
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
  } else if (how == "ends") {
    found = wanted.findEnds(*data);
  } else if (how == "possible" && data->size() == kFilterBytes) {
    found = wanted.possibleIn(reinterpret_cast<const uint8_t*>(data->data()));
  } else {
    Napi::TypeError::New(env, "unknown search").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return toArray(env, found);
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

// find(line) → the numbers of the texts that have the line
Napi::Value findLine(const Napi::CallbackInfo& info) {
  const auto line = viewOf(info[0]);
  if (!line) {
    Napi::TypeError::New(info.Env(), "the line must be a Uint8Array").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return toArray(info.Env(), static_cast<const Lines*>(info.Data())->find(*line));
}

// openLines(texts, special) → {find, aside}. `aside` are the numbers of texts that find does not know: if there are special lines,
// those that have one, or that are no plain lists of paths.
Napi::Value openLines(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsArray()) {
    Napi::TypeError::New(env, "openLines(texts, special)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Array texts = info[0].As<Napi::Array>();
  auto lines = std::make_unique<Lines>();
  for (uint32_t at = 0; at < texts.Length(); at++) {
    const auto text = viewOf(texts.Get(at));
    if (!text) {
      Napi::TypeError::New(env, "a text must be a Uint8Array").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    lines->add(*text);
  }
  lines->finish();
  if (info[1].IsArray()) {
    const Napi::Array special = info[1].As<Napi::Array>();
    lines->setOddAside();
    for (uint32_t at = 0; at < special.Length(); at++) {
      if (const auto line = viewOf(special.Get(at))) lines->setAside(*line);
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("aside", toArray(env, lines->aside()));
  Lines* held = lines.release();
  Napi::Function find = Napi::Function::New(env, findLine, "findLine", held);
  find.AddFinalizer([](Napi::Env, Lines* old) { delete old; }, held);
  result.Set("find", find);
  return result;
}

}  // namespace

void initTexts(Napi::Env env, Napi::Object exports) {
  exports.Set("openLines", Napi::Function::New<openLines>(env, "openLines"));
  exports.Set("openTexts", Napi::Function::New<openTexts>(env, "openTexts"));
}

}  // namespace uchroot
