// Opens a directory without what is mounted in it, so that what the mounts cover can be seen.

#include "beneath.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../addon/values.h"

namespace uchroot {
namespace {

// openBeneath(fd): a detached copy of the mount that the directory lies on, from the directory on; mounts in it are not copied,
// since AT_RECURSIVE is not given (open_tree(2)).
Napi::Value openBeneath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto directory = toUint32(info[0], "descriptor");
  if (!directory) return env.Undefined();
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  const long fd = syscall(SYS_open_tree, static_cast<int>(*directory), "", flags);
  if (fd < 0) return checked(env, -1, "open_tree");
  return Napi::Number::New(env, static_cast<double>(fd));
}

}  // namespace

void initBeneath(Napi::Env env, Napi::Object exports) {
  exports.Set("openBeneath", Napi::Function::New<openBeneath>(env, "openBeneath"));
}

}  // namespace uchroot
