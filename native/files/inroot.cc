// Opens and inspects files beneath a directory. The kernel resolves each path as if the directory were the root (openat2(2),
// RESOLVE_IN_ROOT), so links and `..` never lead out of it.

#include "inroot.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptor.h"
#include "devicenumber.h"
#include "../addon/init.h"
#include "../addon/values.h"
#include "milliseconds.h"
#include "way.h"

namespace uchroot {

int openInRoot(int root, const std::string& path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  // No magic links: if /proc is mounted in the jail, /proc/PID/root and /proc/PID/fd/N lead out of it.
  open_how how = {flags | O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};
  // EAGAIN: an entry was renamed or mounted while `..` was resolved, and the kernel could not tell whether the path left the
  // root. The number of tries is limited, so that a user who keeps renaming entries cannot block this process.
  for (int attempt = 0; attempt < 128; attempt++) {
    const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return -1;
}

int openRegular(int root, const std::string& path, struct stat& status, const char*& call, uint64_t resolve) {
  // Checked before opening, because opening a device can have effects, and after, because the file can have been exchanged.
  for (const uint64_t flags : {O_PATH, O_RDONLY | O_NONBLOCK | O_NOCTTY}) {
    call = "openat2";
    Descriptor fd(openInRoot(root, path, flags, 0, resolve));
    if (fd.get() < 0) return -1;
    call = "fstat";
    if (fstat(fd.get(), &status) < 0) return -1;
    call = "open";
    if (S_ISREG(status.st_mode) && flags != O_PATH) return fd.release();
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    if (!S_ISREG(status.st_mode)) return -1;
  }
  return -1;
}

bool readLink(int fd, std::string& target) {
  // A link's target has at most 4096 bytes (symlink(7)). One byte more detects a truncated one.
  target.resize(4097);
  const ssize_t size = readlinkat(fd, "", target.data(), target.size());
  if (size < 0) return false;
  if (static_cast<size_t>(size) == target.size()) {
    errno = ENAMETOOLONG;
    return false;
  }
  target.resize(static_cast<size_t>(size));
  return true;
}

namespace {

Napi::Value open(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string, uint32_t>(info, {"root descriptor", "path", "flags"}, [&](int root, auto& path, auto flags) -> Napi::Value {
    const auto mode = info[3].IsUndefined() ? std::optional<uint32_t>(0) : toUint32(info[3], "mode");
    if (!mode) return info.Env().Undefined();
    const uint64_t resolve = (flags & O_NOFOLLOW) != 0 ? RESOLVE_NO_SYMLINKS : 0;
    const int fd = openInRoot(root, path, flags, *mode, resolve);
    if (fd < 0) return checked(info.Env(), -1, "openat2", path);
    return Napi::Number::New(info.Env(), fd);
  });
}

Napi::Value statusOf(const Napi::CallbackInfo& info, int fd, const std::string& path) {
  struct stat status = {};
  if (fstat(fd, &status) < 0) return checked(info.Env(), -1, "fstat", path);
  struct statvfs system = {};
  if (fstatvfs(fd, &system) < 0) return checked(info.Env(), -1, "fstatfs", path);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("mode", Napi::Number::New(info.Env(), status.st_mode));
  object.Set("uid", Napi::Number::New(info.Env(), status.st_uid));
  object.Set("gid", Napi::Number::New(info.Env(), status.st_gid));
  object.Set("size", Napi::Number::New(info.Env(), static_cast<double>(status.st_size)));
  object.Set("dev", Napi::BigInt::New(info.Env(), static_cast<uint64_t>(status.st_dev)));
  object.Set("ino", Napi::BigInt::New(info.Env(), static_cast<uint64_t>(status.st_ino)));
  object.Set("nlink", Napi::Number::New(info.Env(), static_cast<double>(status.st_nlink)));
  const double mtimeMs = millisecondsOf(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  object.Set("mtimeMs", Napi::Number::New(info.Env(), mtimeMs));
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    object.Set("major", Napi::Number::New(info.Env(), majorOf(status.st_rdev)));
    object.Set("minor", Napi::Number::New(info.Env(), minorOf(status.st_rdev)));
  }
  object.Set("noexec", Napi::Boolean::New(info.Env(), (system.f_flag & ST_NOEXEC) != 0));
  if (S_ISLNK(status.st_mode)) {
    std::string target;
    if (!readLink(fd, target)) return checked(info.Env(), -1, "readlink", path);
    object.Set("target", toBuffer(info.Env(), target));
  }
  std::string acl;
  if (!readAcl(fd, status.st_mode, acl)) return checked(info.Env(), -1, "getxattr", path);
  if (!acl.empty()) object.Set("acl", toBuffer(info.Env(), acl));
  return object;
}

Napi::Value lstatPath(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) {
    // O_PATH needs no permission for the object, and has no effects such as waiting or rewinding a tape.
    const Descriptor fd(openInRoot(root, path, O_PATH | O_NOFOLLOW, 0));
    return fd.get() < 0 ? checked(info.Env(), -1, "openat2", path) : statusOf(info, fd.get(), path);
  });
}

Napi::Value fstatDescriptor(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) { return statusOf(info, fd, ""); });
}

}  // namespace

void initInRoot(Napi::Env env, Napi::Object exports) {
  exports.Set("inRootOpen", Napi::Function::New<open>(env, "inRootOpen"));
  exports.Set("inRootLstat", Napi::Function::New<lstatPath>(env, "inRootLstat"));
  exports.Set("inRootFstat", Napi::Function::New<fstatDescriptor>(env, "inRootFstat"));
}

}  // namespace uchroot
