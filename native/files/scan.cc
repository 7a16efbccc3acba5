// scanTree(…) for JS: each batch of a scan is read on a thread of libuv's pool.

#include "../addon/init.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "../addon/pending.h"
#include "../addon/values.h"
#include "treescan.h"

namespace uchroot {
namespace {

// Fills one batch. The caller owns the buffer and must not use it meanwhile.
class Filling : public Napi::AsyncWorker {
 public:
  Filling(Napi::Env env, std::shared_ptr<Scan> scan, Napi::Uint8Array buffer)
      : Napi::AsyncWorker(env, "uchroot.scanTree"),
        promise_(env),
        scan_(std::move(scan)),
        buffer_(Napi::Persistent(buffer.As<Napi::Object>())),
        content_(reinterpret_cast<char*>(buffer.Data())),
        size_(buffer.ByteLength()) {}

  Napi::Value promise() const { return promise_.value(); }

  void Execute() override {
    if (!scan_->fill(content_, size_, records_, used_)) error_ = errno;
  }

  void OnOK() override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    if (error_ != 0) {
      throwErrno(env, error_, "openat", "/");
      promise_.reject(env.GetAndClearPendingException().Value());
      return;
    }
    Napi::Object batch = Napi::Object::New(env);
    batch.Set("records", toBuffer(env, records_));
    batch.Set("contentSize", static_cast<double>(used_));
    promise_.resolve(batch);
  }

 private:
  const Promise promise_;
  std::shared_ptr<Scan> scan_;
  Napi::ObjectReference buffer_;
  char* content_;
  size_t size_;
  std::string records_;
  size_t used_ = 0;
  int error_ = 0;
};

// scanTree(rootFd, paths, sizes): {next(buffer), close()}
Napi::Value scanTree(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return env.Undefined();
  if (!info[1].IsTypedArray() || !info[2].IsTypedArray()) return wrongType(env, "paths and sizes must be typed arrays");
  const Napi::Uint8Array paths = info[1].As<Napi::Uint8Array>();
  const Napi::Float64Array sizes = info[2].As<Napi::Float64Array>();
  const int fd = fcntl(static_cast<int>(*root), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return checked(env, -1, "fcntl");
  const auto scan = std::make_shared<Scan>(
      fd, std::string(reinterpret_cast<const char*>(paths.Data()), paths.ByteLength()),
      std::vector<double>(sizes.Data(), sizes.Data() + sizes.ElementLength()));
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("next", Napi::Function::New(env, [scan](const Napi::CallbackInfo& call) -> Napi::Value {
               if (!call[0].IsTypedArray()) return wrongType(call.Env(), "buffer must be a Uint8Array");
               auto* work = new Filling(call.Env(), scan, call[0].As<Napi::Uint8Array>());
               const Napi::Value promise = work->promise();
               work->Queue();
               return promise;
             }));
  handle.Set("close", Napi::Function::New(env, [scan](const Napi::CallbackInfo&) { scan->close(); }));
  return handle;
}

}  // namespace

void initScan(Napi::Env env, Napi::Object exports) {
  exports.Set("scanTree", Napi::Function::New<scanTree>(env, "scanTree"));
}

}  // namespace uchroot
