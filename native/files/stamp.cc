// restat(path, stamp): compares a file's status with an earlier one. It makes no objects, unlike Node's stat: TCP wrappers call
// it for each connection.

#include "stamp.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace uchroot {
namespace {

// lib/tcpwrappers/file/file-stamp.ts uses the same order.
struct Stamp {
  int64_t error;  // errno of stat(2); then all other members are 0
  int64_t ctimeSeconds;
  int64_t ctimeNanoseconds;
  uint64_t size;
  uint64_t device;
  uint64_t inode;
};

// restat(path, stamp) → whether the status equals `stamp`, a Buffer. Afterwards `stamp` holds the new status. `path` is a Buffer
// that ends in NUL. It uses plain N-API: the C++ wrapper takes as long as the system call.
napi_value restat(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  void* path = nullptr;
  void* old = nullptr;
  size_t pathSize = 0;
  size_t oldSize = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count < 2 ||
      napi_get_buffer_info(env, arguments[0], &path, &pathSize) != napi_ok ||
      napi_get_buffer_info(env, arguments[1], &old, &oldSize) != napi_ok || pathSize == 0 ||
      static_cast<const char*>(path)[pathSize - 1] != '\0' || oldSize != sizeof(Stamp)) {
    (void)napi_throw_type_error(env, nullptr, "restat(path, stamp)");
    return nullptr;
  }
  struct stat status;
  Stamp now = {};
  if (stat(static_cast<const char*>(path), &status) < 0) {
    now.error = errno;
  } else {
    now = {0,
           status.st_ctim.tv_sec,
           status.st_ctim.tv_nsec,
           static_cast<uint64_t>(status.st_size),
           status.st_dev,
           status.st_ino};
  }
  const bool isSame = std::memcmp(old, &now, sizeof now) == 0;
  if (!isSame) std::memcpy(old, &now, sizeof now);
  napi_value result = nullptr;
  (void)napi_get_boolean(env, isSame, &result);
  return result;
}

}  // namespace

void initStamp(Napi::Env env, Napi::Object exports) {
  napi_value function;
  if (napi_create_function(env, "restat", NAPI_AUTO_LENGTH, restat, nullptr, &function) == napi_ok) {
    exports.Set("restat", Napi::Value(env, function));
  }
}

}  // namespace uchroot
