// The calls of JS for the pseudo-terminal of a program; see lib/native/launch-calls.ts.

#include "terminalcalls.h"

#include <cerrno>

#include "../start/process.h"

namespace uchroot {
namespace {

// The terminal of a handle; nullptr if the program has ended, or has none.
Terminal* toTerminal(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  return process == nullptr || process->terminal().master() < 0 ? nullptr : &process->terminal();
}

Napi::Value toNumber(const Napi::CallbackInfo& info, long number) {
  return Napi::Number::New(info.Env(), static_cast<double>(number));
}

Napi::Value readTerminal(const Napi::CallbackInfo& info) {
  Terminal* terminal = toTerminal(info);
  Napi::Uint8Array buffer = info[1].As<Napi::Uint8Array>();
  return toNumber(info, terminal == nullptr ? -EBADF : terminal->read(buffer.Data(), buffer.ByteLength()));
}

Napi::Value writeTerminal(const Napi::CallbackInfo& info) {
  Terminal* terminal = toTerminal(info);
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  return toNumber(info, terminal == nullptr ? -EBADF : terminal->write(bytes.Data(), bytes.ByteLength()));
}

Napi::Value endTerminal(const Napi::CallbackInfo& info) {
  Terminal* terminal = toTerminal(info);
  return toNumber(info, terminal == nullptr ? -EBADF : terminal->end());
}

Napi::Value resizeTerminal(const Napi::CallbackInfo& info) {
  Terminal* terminal = toTerminal(info);
  const auto side = [&](int index) { return static_cast<uint16_t>(info[index].As<Napi::Number>().Uint32Value()); };
  return toNumber(info, terminal == nullptr ? -EBADF : terminal->resize(side(1), side(2)));
}

Napi::Value hangUpTerminal(const Napi::CallbackInfo& info) {
  if (Terminal* terminal = toTerminal(info)) terminal->hangUp();
  return info.Env().Undefined();
}

Napi::Value awaitTerminal(const Napi::CallbackInfo& info) {
  Process* process = toProcess(info);
  const uint32_t events = info[1].As<Napi::Number>().Uint32Value();
  return toNumber(info, process == nullptr ? -EBADF : -process->watchTerminal(events, info[2].As<Napi::Function>()));
}

// → {cols, rows}, or undefined if none of 0 to 2 is a terminal
Napi::Value terminalSize(const Napi::CallbackInfo& info) {
  uint16_t cols, rows;
  if (!ownTerminalSize(&cols, &rows)) return info.Env().Undefined();
  Napi::Object size = Napi::Object::New(info.Env());
  size.Set("cols", cols);
  size.Set("rows", rows);
  return size;
}

}  // namespace

void initTerminal(Napi::Env env, Napi::Object exports, Programs& programs) {
  exports.Set("readTerminal", Napi::Function::New(env, readTerminal, "readTerminal", &programs));
  exports.Set("writeTerminal", Napi::Function::New(env, writeTerminal, "writeTerminal", &programs));
  exports.Set("endTerminal", Napi::Function::New(env, endTerminal, "endTerminal", &programs));
  exports.Set("resizeTerminal", Napi::Function::New(env, resizeTerminal, "resizeTerminal", &programs));
  exports.Set("hangUpTerminal", Napi::Function::New(env, hangUpTerminal, "hangUpTerminal", &programs));
  exports.Set("awaitTerminal", Napi::Function::New(env, awaitTerminal, "awaitTerminal", &programs));
  exports.Set("terminalSize", Napi::Function::New<terminalSize>(env, "terminalSize"));
}

}  // namespace uchroot
