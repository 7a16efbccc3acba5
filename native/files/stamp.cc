// restat(record): compares a file's status with an earlier one. It makes no objects, unlike Node's stat: TCP wrappers call
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

// restat(record) → whether the status equals the one in `record`, a Buffer. Afterwards `record` holds the new status. Behind the status it
// has the path, which ends in NUL. It uses plain N-API: the C++ wrapper takes as long as the system call.
napi_value restat(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  void* old = nullptr;
  size_t size = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_buffer_info(env, argument, &old, &size) != napi_ok || size <= sizeof(Stamp) ||
      static_cast<const char*>(old)[size - 1] != '\0') {
    (void)napi_throw_type_error(env, nullptr, "restat(record)");
    return nullptr;
  }
  const char* path = static_cast<const char*>(old) + sizeof(Stamp);
  struct stat status;
  Stamp now = {};
  if (stat(path, &status) < 0) {
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
