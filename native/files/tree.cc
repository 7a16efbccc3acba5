// copyTree(…) and removeTree(…) for JS. Each runs on a thread of its own, since launches and node:fs wait for the four of libuv.
// The event loop is told when it has ended.

#include "tree.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <unordered_set>

#include "../addon/callback.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

class Work;

// The work that runs for one environment: the main thread, or one worker.
struct Registry {
  explicit Registry(napi_env owner) : env(owner) {}
  napi_env env;
  uv_loop_t* loop = nullptr;
  bool closing = false;
  std::unordered_set<Work*> works;
  napi_async_cleanup_hook_handle hook = nullptr;
};

using Task = std::function<TreeReport(TreeProgress&)>;

class Work {
 public:
  // Owns the descriptors.
  Work(Registry* registry, std::vector<int> descriptors, Task task, Napi::Function onEnd)
      : registry_(registry),
        descriptors_(std::move(descriptors)),
        task_(std::move(task)),
        onEnd_(Napi::Persistent(onEnd)) {
    async_.data = this;
    registry_->works.insert(this);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // 0, or a negative errno of libuv; then it is gone.
  int start() {
    int error = uv_async_init(registry_->loop, &async_, [](uv_async_t* handle) {
      static_cast<Work*>(handle->data)->ended();
    });
    if (error != 0) {
      finish();
      return error;
    }
    error = uv_thread_create(&thread_, [](void* data) { static_cast<Work*>(data)->run(); }, this);
    if (error != 0) close();
    return error;
  }

  void abort() { progress_.aborted = true; }
  const TreeProgress& progress() const { return progress_; }

  Napi::Object toObject(Napi::Env env) const {
    Napi::Object object = Napi::Object::New(env);
    object.Set("files", static_cast<double>(progress_.files));
    object.Set("directories", static_cast<double>(progress_.directories));
    object.Set("links", static_cast<double>(progress_.links));
    object.Set("nodes", static_cast<double>(progress_.nodes));
    object.Set("sizeBytes", static_cast<double>(progress_.sizeBytes));
    return object;
  }

  // Where JS keeps its pointer to this, to be cleared when this goes.
  Work** slot_ = nullptr;

 private:
  ~Work() = default;

  void run() {
    // Signals go to the other threads, so that no call of this one is interrupted.
    sigset_t all;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, nullptr);
    report_ = task_(progress_);
    (void)uv_async_send(&async_);  // fails for no open handle
  }

  void ended() {
    (void)uv_thread_join(&thread_);
    // first of all, so that the caller can unmount the tree at once
    closeDescriptors();
    const napi_env env = registry_->env;
    if (!registry_->closing) {
      const Napi::HandleScope scope(env);
      if (mayCallJs(registry_->env)) tell();
    }
    close();
  }

  // onEnd(failure | null, report)
  void tell() {
    const Napi::Env env(registry_->env);
    const TreeFailure& failure = report_.failure;
    Napi::Value failed = env.Null();
    if (failure.error != 0) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("errno", failure.error);
      object.Set("syscall", failure.call);
      object.Set("path", toBuffer(failure.path));
      object.Set("inTarget", failure.inTarget);
      failed = object;
    }
    Napi::Array skipped = Napi::Array::New(env, report_.skipped.size());
    for (uint32_t i = 0; i < report_.skipped.size(); i++) {
      const SkippedEntry& entry = report_.skipped[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("path", toBuffer(entry.path));
      object.Set("reason", entry.reason);
      object.Set("errno", entry.error);
      skipped.Set(i, object);
    }
    Napi::Object report = toObject(env);
    report.Set("skipped", skipped);
    report.Set("skippedCount", static_cast<double>(report_.skippedCount));
    callJs(registry_->env, onEnd_, {failed, report});
  }

  Napi::Buffer<char> toBuffer(const std::string& path) const {
    return Napi::Buffer<char>::Copy(registry_->env, path.data(), path.size());
  }

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&async_),
             [](uv_handle_t* closed) { static_cast<Work*>(closed->data)->finish(); });
  }

  void closeDescriptors() {
    for (const int fd : descriptors_) ::close(fd);
    descriptors_.clear();
  }

  // Runs last, when uv has closed the handle.
  void finish() {
    closeDescriptors();
    onEnd_.Reset();
    Registry* registry = registry_;
    registry->works.erase(this);
    if (slot_ != nullptr) *slot_ = nullptr;
    delete this;
    if (registry->closing && registry->works.empty()) (void)napi_remove_async_cleanup_hook(registry->hook);
  }

  Registry* registry_;
  std::vector<int> descriptors_;
  Task task_;
  Napi::FunctionReference onEnd_;
  TreeProgress progress_;
  TreeReport report_;
  uv_thread_t thread_ = {};
  uv_async_t async_ = {};
};

// What JS holds. It can outlive the work, which then sets the pointer to null.
using Handle = Napi::External<Work*>;

Napi::Value start(const Napi::CallbackInfo& info, std::vector<int> descriptors, Task task, Napi::Value onEnd) {
  const Napi::Env env = info.Env();
  Work* work = new Work(static_cast<Registry*>(info.Data()), std::move(descriptors), std::move(task),
                        onEnd.As<Napi::Function>());
  const int error = work->start();
  if (error != 0) {
    throwErrno(env, -error, "uv_thread_create");
    return env.Undefined();
  }
  Work** slot = new Work*(work);
  work->slot_ = slot;
  return Handle::New(env, slot, [](Napi::Env, Work** held) {
    if (*held != nullptr) (*held)->slot_ = nullptr;
    delete held;
  });
}

// A copy of our own, since the caller may close or reuse his descriptor meanwhile.
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

bool readPaths(Napi::Value value, PathSet& paths) {
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    auto path = toBytes(array.Get(i), "path");
    if (!path) return false;
    paths.insert(std::move(*path));
  }
  return true;
}

bool isName(const std::string& text) {
  return !text.empty() && text.find('/') == std::string::npos && text != "." && text != "..";
}

// copyTree(sourceFd, targetFd, privileged, onEnd) → Handle
Napi::Value startCopy(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[2].IsArray() || !info[3].IsFunction()) {
    Napi::TypeError::New(env, "copyTree(sourceFd, targetFd, privileged, onEnd)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::vector<int> fds;
  PathSet privileged;
  if (!copyDescriptor(env, info[0], fds) || !copyDescriptor(env, info[1], fds) ||
      !readPaths(info[2], privileged)) {
    for (const int fd : fds) close(fd);
    return env.Undefined();
  }
  const auto task = [source = fds[0], target = fds[1], privileged = std::move(privileged)](auto& progress) {
    return copyTree(source, target, privileged, progress);
  };
  return start(info, std::move(fds), task, info[3]);
}

// removeTree(parentFd, name, last, onEnd) → Handle
Napi::Value startRemove(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[3].IsFunction()) {
    Napi::TypeError::New(env, "removeTree(parentFd, name, last, onEnd)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto name = toBytes(info[1], "name");
  if (!name) return env.Undefined();
  const auto last = toBytes(info[2], "last");
  if (!last) return env.Undefined();
  if (!isName(*name) || !(last->empty() || isName(*last))) {
    Napi::TypeError::New(env, "not the name of an entry").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::vector<int> fds;
  if (!copyDescriptor(env, info[0], fds)) return env.Undefined();
  const auto task = [parent = fds[0], name = *name, last = *last](auto& progress) {
    return removeTree(parent, name, last, progress);
  };
  return start(info, std::move(fds), task, info[3]);
}

// The work behind a handle; nullptr once it is gone.
Work* toWork(const Napi::CallbackInfo& info) {
  return info[0].IsExternal() ? *info[0].As<Handle>().Data() : nullptr;
}

// treeProgress(handle) → counts, or undefined once it has ended
Napi::Value treeProgress(const Napi::CallbackInfo& info) {
  const Work* work = toWork(info);
  return work == nullptr ? info.Env().Undefined() : work->toObject(info.Env());
}

// abortTree(handle)
Napi::Value abortTree(const Napi::CallbackInfo& info) {
  Work* work = toWork(info);
  if (work != nullptr) work->abort();
  return info.Env().Undefined();
}

// A worker that ends aborts its threads and waits for them.
void onCleanup(napi_async_cleanup_hook_handle hook, void* data) {
  Registry* registry = static_cast<Registry*>(data);
  registry->closing = true;
  registry->hook = hook;
  for (Work* work : registry->works) work->abort();
  if (registry->works.empty()) (void)napi_remove_async_cleanup_hook(hook);
}

}  // namespace

void initTree(Napi::Env env, Napi::Object exports) {
  // Lives as long as the process: a few bytes for each environment that loads the addon.
  Registry* registry = new Registry(env);
  if (napi_get_uv_event_loop(env, &registry->loop) != napi_ok ||
      napi_add_async_cleanup_hook(env, onCleanup, registry, &registry->hook) != napi_ok) {
    Napi::Error::New(env, "the event loop cannot be reached").ThrowAsJavaScriptException();
    return;
  }
  exports.Set("copyTree", Napi::Function::New(env, startCopy, "copyTree", registry));
  exports.Set("removeTree", Napi::Function::New(env, startRemove, "removeTree", registry));
  exports.Set("treeProgress", Napi::Function::New<treeProgress>(env, "treeProgress"));
  exports.Set("abortTree", Napi::Function::New<abortTree>(env, "abortTree"));
}

}  // namespace uchroot
