// Whole directory trees, copied and removed on a worker thread: the Node-API surface of tree.h.

#include "treework.h"

#include <cerrno>
#include <memory>
#include <utility>

#include <fcntl.h>

#include "descriptor.h"
#include "tree.h"
#include "values.h"

namespace uchroot {
namespace {

int duplicate(int fd) {
  return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

class TreeWork : public Napi::AsyncWorker {
 public:
  TreeWork(Napi::Env env, const char* name)
      : Napi::AsyncWorker(env, name),
        deferred_(Napi::Promise::Deferred::New(env)),
        progress_(std::make_shared<TreeProgress>()) {}

  // {done, progress(), abort()}: what JS keeps of it.
  Napi::Object handle();
  void OnOK() override;

 protected:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<TreeProgress> progress_;
  TreeFailure failure_;
  Skipped skipped_;
};

Napi::Value numberOf(Napi::Env env, const std::atomic<uint64_t>& count) {
  return Napi::Number::New(env, static_cast<double>(count.load()));
}

Napi::Object toCounts(Napi::Env env, const TreeProgress& progress) {
  Napi::Object counts = Napi::Object::New(env);
  counts.Set("files", numberOf(env, progress.files));
  counts.Set("directories", numberOf(env, progress.directories));
  counts.Set("sizeBytes", numberOf(env, progress.bytes));
  return counts;
}

Napi::Object TreeWork::handle() {
  const Napi::Env env = Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("done", deferred_.Promise());
  object.Set("progress", Napi::Function::New(env, [progress = progress_](const Napi::CallbackInfo& info) {
               return toCounts(info.Env(), *progress);
             }));
  object.Set("abort", Napi::Function::New(
                          env, [progress = progress_](const Napi::CallbackInfo&) { progress->aborted = true; }));
  return object;
}

void TreeWork::OnOK() {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  if (failure_.error != 0) {
    throwErrno(env, failure_.error, failure_.call, failure_.path);
    deferred_.Reject(env.GetAndClearPendingException().Value());
    return;
  }
  Napi::Object result = toCounts(env, *progress_);
  Napi::Array skipped = Napi::Array::New(env, skipped_.first.size());
  for (uint32_t i = 0; i < skipped_.first.size(); i++) {
    Napi::Object entry = Napi::Object::New(env);
    const std::string& path = skipped_.first[i].path;
    entry.Set("path", Napi::Buffer<char>::Copy(env, path.data(), path.size()));
    entry.Set("why", skipped_.first[i].why);
    skipped.Set(i, entry);
  }
  result.Set("skipped", skipped);
  result.Set("skippedCount", static_cast<double>(skipped_.count));
  deferred_.Resolve(result);
}

class Copying : public TreeWork {
 public:
  Copying(Napi::Env env, int source, int target, CopyOptions options)
      : TreeWork(env, "uchroot.copyTree"), source_(source), target_(target), options_(std::move(options)) {}
  void Execute() override {
    failure_ = copyTree(source_.get(), target_.get(), options_, *progress_, skipped_);
  }

 private:
  Descriptor source_;
  Descriptor target_;
  CopyOptions options_;
};

class Emptying : public TreeWork {
 public:
  Emptying(Napi::Env env, int directory, std::string last)
      : TreeWork(env, "uchroot.emptyTree"), directory_(directory), last_(std::move(last)) {}
  void Execute() override { failure_ = emptyTree(directory_.get(), last_, *progress_); }

 private:
  Descriptor directory_;
  std::string last_;
};

// copyTree(sourceFd, targetFd, keepPrivileges)
Napi::Value startCopy(const Napi::CallbackInfo& info) {
  const auto source = toUint32(info[0], "source descriptor");
  if (!source) return info.Env().Undefined();
  const auto target = toUint32(info[1], "target descriptor");
  if (!target) return info.Env().Undefined();
  CopyOptions options;
  const Napi::Array keep = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < keep.Length(); i++) {
    auto path = toBytes(keep.Get(i), "path");
    if (!path) return info.Env().Undefined();
    options.keepPrivileges.insert(std::move(*path));
  }
  const int from = duplicate(static_cast<int>(*source));
  if (from < 0) return checked(info.Env(), -1, "fcntl");
  const int to = duplicate(static_cast<int>(*target));
  if (to < 0) {
    const int error = errno;
    close(from);
    throwErrno(info.Env(), error, "fcntl");
    return info.Env().Undefined();
  }
  auto* work = new Copying(info.Env(), from, to, std::move(options));
  const Napi::Object handle = work->handle();
  work->Queue();
  return handle;
}

// emptyTree(directoryFd, last)
Napi::Value startEmptying(const Napi::CallbackInfo& info) {
  const auto directory = toUint32(info[0], "descriptor");
  if (!directory) return info.Env().Undefined();
  auto last = toBytes(info[1], "name");
  if (!last) return info.Env().Undefined();
  const int fd = duplicate(static_cast<int>(*directory));
  if (fd < 0) return checked(info.Env(), -1, "fcntl");
  auto* work = new Emptying(info.Env(), fd, std::move(*last));
  const Napi::Object handle = work->handle();
  work->Queue();
  return handle;
}

}  // namespace

void initTreeWork(Napi::Env env, Napi::Object exports) {
  exports.Set("copyTree", Napi::Function::New<startCopy>(env, "copyTree"));
  exports.Set("emptyTree", Napi::Function::New<startEmptying>(env, "emptyTree"));
}

}  // namespace uchroot
