// closeDescriptor and disownDescriptor; see loose.h.

#include "loose.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "init.h"
#include "values.h"

namespace uchroot {
namespace {

// The capacity of a pipe (pipe(7)). The garbage collector is told this size, so that it runs before kept pipes use up memory and
// descriptors.
constexpr int64_t kPipeBytes = int64_t{64} * 1024;

Napi::Value closeDescriptor(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) {
    looseDescriptors(info.Env()).remove(fd);
    return checked(info.Env(), close(fd), "close");
  });
}

Napi::Value disownDescriptor(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) {
    looseDescriptors(info.Env()).remove(fd);
    return info.Env().Undefined();
  });
}

}  // namespace

void LooseDescriptors::add(int fd, bool isKeptPipe) {
  struct stat seen;
  if (fstat(fd, &seen) < 0) return;  // fstat of an open descriptor does not fail
  loose_[fd] = {seen.st_dev, seen.st_ino, isKeptPipe};
  int64_t total;
  if (isKeptPipe) (void)napi_adjust_external_memory(env_, kPipeBytes, &total);
}

void LooseDescriptors::remove(int fd) {
  const auto found = loose_.find(fd);
  if (found == loose_.end()) return;
  int64_t total;
  if (found->second.isKeptPipe) (void)napi_adjust_external_memory(env_, -kPipeBytes, &total);
  loose_.erase(found);
}

// All streams of the worker are closed by now (Environment::RunCleanup() in Node's src/env.cc). So no stream owns a descriptor
// that is still the same file.
void LooseDescriptors::closeAll() {
  for (const auto& [fd, loose] : loose_) {
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_dev == loose.device && now.st_ino == loose.inode) close(fd);
  }
  loose_.clear();
}

LooseDescriptors& looseDescriptors(Napi::Env env) { return *env.GetInstanceData<LooseDescriptors>(); }

Napi::Array toDescriptors(Napi::Env env, std::span<const int> fds) {
  Napi::Array list = Napi::Array::New(env, fds.size());
  for (uint32_t i = 0; i < fds.size(); i++) {
    list.Set(i, fds[i]);
    looseDescriptors(env).add(fds[i]);
  }
  return list;
}

void initDescriptors(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new LooseDescriptors(env));
  exports.Set("closeDescriptor", Napi::Function::New<closeDescriptor>(env, "closeDescriptor"));
  exports.Set("disownDescriptor", Napi::Function::New<disownDescriptor>(env, "disownDescriptor"));
}

}  // namespace uchroot
