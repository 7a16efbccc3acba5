// Searches the bytes of programs and scripts for many texts at once, and lists of files for lines.

#include <fcntl.h>
#include <pthread.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../files/descriptor.h"
#include "../files/inroot.h"
#include "../files/lines.h"
#include "../files/wantedtexts.h"
#include "init.h"
#include "pending.h"
#include "values.h"

namespace uchroot {
namespace {

Napi::Array toArray(Napi::Env env, const std::vector<uint32_t>& numbers) {
  Napi::Array array = Napi::Array::New(env, numbers.size());
  for (uint32_t at = 0; at < numbers.size(); at++) array.Set(at, Napi::Number::New(env, numbers[at]));
  return array;
}

// find(how, data) → the indices of the found texts
Napi::Value findTexts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& wanted = *static_cast<const WantedTexts*>(info.Data());
  const std::string how = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
  const auto data = viewOf(info[1]);
  if (!data) return wrongType(env, "find(how, data)");
  std::vector<uint32_t> found;
  if (how == "words") {
    found = wanted.findWords(*data);
  } else if (how == "commands") {
    found = wanted.findCommands(*data);
  } else if (how == "paths") {
    found = wanted.findPaths(*data);
  } else if (how == "ends") {
    found = wanted.findEnds(*data);
  } else {
    return wrongType(env, "unknown search");
  }
  return toArray(env, found);
}

// openTexts(texts) → find. Each text ends in NUL.
Napi::Value openTexts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto texts = viewOf(info[0]);
  if (!texts || (!texts->empty() && texts->back() != '\0')) return wrongType(env, "openTexts(texts): a Uint8Array that ends in NUL");
  return functionWith(env, findTexts, "findTexts", std::make_unique<WantedTexts>(std::string(*texts)));
}

// find(line) → the numbers of the texts that have the line
Napi::Value findLine(const Napi::CallbackInfo& info) {
  const auto line = viewOf(info[0]);
  if (!line) return wrongType(info.Env(), "the line must be a Uint8Array");
  return toArray(info.Env(), static_cast<const Lines*>(info.Data())->find(*line));
}

// No text can be added after that.
void finish(Lines& lines, const std::vector<std::string>& special) {
  lines.finish();
  lines.setOddAside();
  for (const std::string& line : special) lines.setAside(line);
}

// {find, aside}
Napi::Object toResult(Napi::Env env, std::unique_ptr<Lines> lines) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("aside", toArray(env, lines->aside()));
  result.Set("find", functionWith(env, findLine, "findLine", std::move(lines)));
  return result;
}

// openLines(texts, special) → {find, aside}. `aside` are the numbers of texts that find does not know: if there are special lines,
// those that have one, or that are no plain lists of paths.
Napi::Value openLines(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsArray()) return wrongType(env, "openLines(texts, special)");
  const Napi::Array texts = info[0].As<Napi::Array>();
  auto lines = std::make_unique<Lines>();
  for (uint32_t at = 0; at < texts.Length(); at++) {
    const auto text = viewOf(texts.Get(at));
    if (!text) return wrongType(env, "a text must be a Uint8Array");
    lines->add(*text);
  }
  if (info[1].IsUndefined()) {
    lines->finish();
  } else {
    const auto special = toList(info[1], "special");
    if (!special) return env.Undefined();
    finish(*lines, *special);
  }
  return toResult(env, std::move(lines));
}

// The search of openLines for texts in files, which a thread reads.
struct FileLines {
  FileLines(int copy, std::vector<std::string> ofFiles, std::vector<std::string> ofLines)
      : root(copy), paths(std::move(ofFiles)), special(std::move(ofLines)) {}
  FileLines(const FileLines&) = delete;
  FileLines& operator=(const FileLines&) = delete;
  ~FileLines() { wait(); }

  void wait() {
    if (isRunning) (void)pthread_join(thread, nullptr);
    isRunning = false;
  }

  Descriptor root;
  std::vector<std::string> paths;
  std::vector<std::string> special;
  std::unique_ptr<Lines> lines = std::make_unique<Lines>();
  pthread_t thread = {};
  bool isRunning = false;
};

constexpr size_t kMostBytes = size_t{256} << 20;

void* readLines(void* data) {
  auto& files = *static_cast<FileLines*>(data);
  std::string text;
  for (const std::string& path : files.paths) {
    if (readHead(files.root.get(), path, kMostBytes, text)) {
      files.lines->add(text);
    } else {
      files.lines->addMissing();
    }
  }
  files.root.reset(-1);  // the rest of it may live until the next garbage collection
  finish(*files.lines, files.special);
  return nullptr;
}

// wait() → {find, aside}; undefined after the first call
Napi::Value waitForLines(const Napi::CallbackInfo& info) {
  auto& files = *static_cast<FileLines*>(info.Data());
  files.wait();
  if (files.lines == nullptr) return info.Env().Undefined();
  return toResult(info.Env(), std::move(files.lines));
}

// openFileLines(root, paths, special) → wait
Napi::Value openFileLines(const Napi::CallbackInfo& info) {
  return withArguments<int, std::vector<std::string>, std::vector<std::string>>(
      info, {"root descriptor", "paths", "special"}, [&](int root, auto& paths, auto& special) {
        // The caller may close its descriptor before the thread ends.
        const int copy = fcntl(root, F_DUPFD_CLOEXEC, 0);
        if (copy < 0) return checked(info.Env(), -1, "fcntl");
        auto files = std::make_unique<FileLines>(copy, std::move(paths), std::move(special));
        files->isRunning = startThread(readLines, files.get(), &files->thread) == 0;
        if (!files->isRunning) readLines(files.get());
        // An ending environment waits for the thread, when it deletes them.
        return functionWith(info.Env(), waitForLines, "waitForLines", std::move(files));
      });
}

}  // namespace

void initTexts(Napi::Env env, Napi::Object exports) {
  exports.Set("openFileLines", Napi::Function::New<openFileLines>(env, "openFileLines"));
  exports.Set("openLines", Napi::Function::New<openLines>(env, "openLines"));
  exports.Set("openTexts", Napi::Function::New<openTexts>(env, "openTexts"));
}

}  // namespace uchroot
