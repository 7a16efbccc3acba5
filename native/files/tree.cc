// copyTree(…) and removeTree(…) for JS. Each has its own thread, because launches and node:fs need libuv's four threads.

#include "tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "../addon/init.h"
#include "../addon/pending.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

using Task = std::function<TreeReport(TreeProgress&)>;

class Work final : public PendingCall {
 public:
  static constexpr CallKind kKind = CallKind::kTree;

  // Takes over the descriptors.
  Work(PendingCalls& calls, std::vector<int> descriptors, Task task, Napi::Function onEnd)
      : PendingCall(calls, kKind),
        descriptors_(std::move(descriptors)),
        task_(std::move(task)),
        onEnd_(Napi::Persistent(onEnd)) {}

  ~Work() override { closeDescriptors(); }

  // Returns 0 or an errno.
  int start() {
    const auto main = [](void* data) -> void* {
      static_cast<Work*>(data)->run();
      return nullptr;
    };
    const int error = startThread(main, this, &thread_);
    if (error == 0) calls_.hold();
    return error;
  }

  void abort() { progress_.aborted = true; }
  // An ending worker waits for the thread, which sees the abort soon.
  void shutDown() override { abort(); }

  Napi::Object toObject(Napi::Env env) const {
    Napi::Object object = Napi::Object::New(env);
    object.Set("files", static_cast<double>(progress_.files));
    object.Set("directories", static_cast<double>(progress_.directories));
    object.Set("links", static_cast<double>(progress_.links));
    object.Set("nodes", static_cast<double>(progress_.nodes));
    object.Set("sizeBytes", static_cast<double>(progress_.sizeBytes));
    return object;
  }

 private:
  void run() {
    report_ = task_(progress_);
    calls_.post(id(), [](PendingCall& call) { static_cast<Work&>(call).ended(); });
  }

  void ended() {
    (void)pthread_join(thread_, nullptr);
    calls_.letGo();
    // Before JS is told, because it may unmount the file system at once.
    closeDescriptors();
    if (!calls_.isClosing()) {
      const Napi::HandleScope scope(calls_.env());
      if (mayCallJs(calls_.env())) tell();
    }
    delete this;
  }

  // onEnd(failure | null, report)
  void tell() {
    const Napi::Env env(calls_.env());
    const TreeFailure& failure = report_.failure;
    Napi::Value failed = env.Null();
    if (failure.error != 0) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("errno", failure.error);
      object.Set("syscall", failure.call);
      object.Set("path", toBuffer(env, failure.path));
      object.Set("inTarget", failure.inTarget);
      failed = object;
    }
    Napi::Array skipped = Napi::Array::New(env, report_.skipped.size());
    for (uint32_t i = 0; i < report_.skipped.size(); i++) {
      const SkippedEntry& entry = report_.skipped[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("path", toBuffer(env, entry.path));
      object.Set("reason", entry.reason);
      object.Set("errno", entry.error);
      skipped.Set(i, object);
    }
    Napi::Object report = toObject(env);
    report.Set("skipped", skipped);
    report.Set("skippedCount", static_cast<double>(report_.skippedCount));
    callJs(env, onEnd_, {failed, report});
  }

  void closeDescriptors() {
    for (const int fd : descriptors_) ::close(fd);
    descriptors_.clear();
  }

  std::vector<int> descriptors_;
  Task task_;
  Napi::FunctionReference onEnd_;
  TreeProgress progress_;
  TreeReport report_;
  pthread_t thread_ = {};
};

Napi::Value start(const Napi::CallbackInfo& info, std::vector<int> descriptors, Task task, Napi::Value onEnd) {
  const Napi::Env env = info.Env();
  auto* calls = static_cast<PendingCalls*>(info.Data());
  auto* work = new Work(*calls, std::move(descriptors), std::move(task), onEnd.As<Napi::Function>());
  if (const int error = work->start(); error != 0) {
    delete work;
    throwErrno(env, error, "pthread_create");
    return env.Undefined();
  }
  return Napi::Number::New(env, work->id());
}

// A duplicate: the caller may close or reuse its descriptor meanwhile.
bool copyDescriptor(Napi::Env env, Napi::Value value, std::vector<int>& copies) {
  const auto source = toUint32(value, "descriptor");
  if (!source) return false;
  const int copy = fcntl(static_cast<int>(*source), F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    throwErrno(env, errno, "fcntl");
    return false;
  }
  copies.push_back(copy);
  return true;
}

bool isName(const std::string& text) {
  return !text.empty() && text.find('/') == std::string::npos && text != "." && text != "..";
}

void closeAll(const std::vector<int>& descriptors) {
  for (const int fd : descriptors) close(fd);
}

// copyTree(sourceFd, targetFd, privileged, onEnd) → handle
Napi::Value startCopy(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[2].IsArray() || !info[3].IsFunction()) return wrongType(env, "copyTree(sourceFd, targetFd, privileged, onEnd)");
  std::vector<int> fds;
  const auto paths = toList(info[2], "path");
  if (!paths) return env.Undefined();
  if (!copyDescriptor(env, info[0], fds) || !copyDescriptor(env, info[1], fds)) {
    closeAll(fds);
    return env.Undefined();
  }
  const auto task = [source = fds[0], target = fds[1], privileged = PathSet(paths->begin(), paths->end())](auto& progress) {
    return copyTree(source, target, privileged, progress);
  };
  return start(info, std::move(fds), task, info[3]);
}

// removeTree(parentFd, name, last, onEnd) → handle
Napi::Value startRemove(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[3].IsFunction()) return wrongType(env, "removeTree(parentFd, name, last, onEnd)");
  const auto name = toBytes(info[1], "name");
  if (!name) return env.Undefined();
  const auto last = toBytes(info[2], "last");
  if (!last) return env.Undefined();
  if (!isName(*name) || !(last->empty() || isName(*last))) return wrongType(env, "not the name of an entry");
  std::vector<int> fds;
  if (!copyDescriptor(env, info[0], fds)) return env.Undefined();
  const auto task = [parent = fds[0], name = *name, last = *last](auto& progress) {
    return removeTree(parent, name, last, progress);
  };
  return start(info, std::move(fds), task, info[3]);
}

// The work of a handle; nullptr if it is gone.
Work* toWork(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return nullptr;
  return static_cast<PendingCalls*>(info.Data())->find<Work>(info[0].As<Napi::Number>().Uint32Value());
}

// treeProgress(handle) → counts; undefined if it has ended
Napi::Value treeProgress(const Napi::CallbackInfo& info) {
  const Work* work = toWork(info);
  return work == nullptr ? info.Env().Undefined() : work->toObject(info.Env());
}

// abortTree(handle)
Napi::Value abortTree(const Napi::CallbackInfo& info) {
  if (Work* work = toWork(info)) work->abort();
  return info.Env().Undefined();
}

}  // namespace

void initTree(Napi::Env env, Napi::Object exports, PendingCalls& calls) {
  exports.Set("copyTree", Napi::Function::New(env, startCopy, "copyTree", &calls));
  exports.Set("removeTree", Napi::Function::New(env, startRemove, "removeTree", &calls));
  exports.Set("treeProgress", Napi::Function::New(env, treeProgress, "treeProgress", &calls));
  exports.Set("abortTree", Napi::Function::New(env, abortTree, "abortTree", &calls));
}

}  // namespace uchroot
