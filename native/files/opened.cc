// Calls for open files and directories: copy, lock, write to disk, attributes.

#include "opened.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attributes.h"
#include "content.h"
#include "descriptor.h"
#include "inroot.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

// Copies content and modification time of a regular file into an empty one.
Napi::Value copyFile(const Napi::CallbackInfo& info) {
  const auto source = toUint32(info[0], "source descriptor");
  if (!source) return info.Env().Undefined();
  const auto target = toUint32(info[1], "target descriptor");
  if (!target) return info.Env().Undefined();
  const int from = static_cast<int>(*source);
  const int to = static_cast<int>(*target);
  struct stat status = {};
  if (fstat(from, &status) < 0) return checked(info.Env(), -1, "fstat");
  TreeProgress progress;
  ContentCopier copier(progress);
  // A file of /proc has size 0.
  const bool isCopied = status.st_size == 0 ? copier.copyToEnd(from, to) : copier.copy(from, to, status);
  if (!isCopied) return checked(info.Env(), -1, copier.call());
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return checked(info.Env(), futimens(to, times), "futimens");
}

// close(2) for descriptors that this addon opened. In a worker, closeSync warns of descriptors that Node has not opened.
Napi::Value closeDescriptor(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  return checked(info.Env(), close(static_cast<int>(*fd)), "close");
}

// Copies file capabilities (capabilities(7)). A file without any is no error.
Napi::Value giveCapabilities(const Napi::CallbackInfo& info) {
  const auto source = toUint32(info[0], "source descriptor");
  if (!source) return info.Env().Undefined();
  const auto target = toUint32(info[1], "target descriptor");
  if (!target) return info.Env().Undefined();
  const char* call = "";
  const bool isCopied = copyCapabilities(static_cast<int>(*source), static_cast<int>(*target), call);
  return checked(info.Env(), isCopied ? 0 : -1, call);
}

Napi::Value sameCapabilities(const Napi::CallbackInfo& info) {
  const auto one = toUint32(info[0], "descriptor");
  if (!one) return info.Env().Undefined();
  const auto other = toUint32(info[1], "descriptor");
  if (!other) return info.Env().Undefined();
  const bool isSame = haveSameCapabilities(static_cast<int>(*one), static_cast<int>(*other));
  return Napi::Boolean::New(info.Env(), isSame);
}

// lockFile(fd, shared): locks an open file or directory until it is closed. False if another process holds a conflicting lock
// (flock(2)).
Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  const int kind = isTrue(info[1]) ? LOCK_SH : LOCK_EX;
  if (flock(static_cast<int>(*fd), kind | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  return checked(info.Env(), -1, "flock");
}

// Writes all data of the directory's file system to disk (syncfs(2)). One call for many files is faster than an fsync for each.
Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return info.Env().Undefined();
  const Descriptor directory(openInRoot(static_cast<int>(*root), "/", O_RDONLY | O_DIRECTORY, 0));
  if (directory.get() < 0) return checked(info.Env(), -1, "openat2", "/");
  return checked(info.Env(), syncfs(directory.get()), "syncfs");
}

// openBeneath(fd): a detached copy of the directory's mount, from the directory down. Mounts inside it are not copied, because
// AT_RECURSIVE is not given (open_tree(2)).
Napi::Value openBeneath(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto directory = toUint32(info[0], "descriptor");
  if (!directory) return env.Undefined();
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  const long fd = syscall(SYS_open_tree, static_cast<int>(*directory), "", flags);
  if (fd < 0) return checked(env, -1, "open_tree");
  return Napi::Number::New(env, static_cast<double>(fd));
}

// hasAttribute(fd, name): reads through /proc, because fgetxattr accepts no O_PATH descriptor.
Napi::Value hasAttribute(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  const auto name = toBytes(info[1], "name");
  if (!name) return info.Env().Undefined();
  const std::string path = "/proc/self/fd/" + std::to_string(*fd);
  return Napi::Boolean::New(info.Env(), getxattr(path.c_str(), name->c_str(), nullptr, 0) >= 0);
}

// removeAttribute(fd, name): one that is not there is fine, and so is a file system that has none.
Napi::Value removeAttribute(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  const auto name = toBytes(info[1], "name");
  if (!name) return info.Env().Undefined();
  if (fremovexattr(static_cast<int>(*fd), name->c_str()) == 0) return info.Env().Undefined();
  if (errno == ENODATA || errno == EOPNOTSUPP) return info.Env().Undefined();
  return checked(info.Env(), -1, "fremovexattr", *name);
}

}  // namespace

void initOpened(Napi::Env env, Napi::Object exports) {
  exports.Set("closeDescriptor", Napi::Function::New<closeDescriptor>(env, "closeDescriptor"));
  exports.Set("copyFile", Napi::Function::New<copyFile>(env, "copyFile"));
  exports.Set("copyCapabilities", Napi::Function::New<giveCapabilities>(env, "copyCapabilities"));
  exports.Set("sameCapabilities", Napi::Function::New<sameCapabilities>(env, "sameCapabilities"));
  exports.Set("lockFile", Napi::Function::New<lockFile>(env, "lockFile"));
  exports.Set("inRootSync", Napi::Function::New<syncFileSystem>(env, "inRootSync"));
  exports.Set("openBeneath", Napi::Function::New<openBeneath>(env, "openBeneath"));
  exports.Set("hasAttribute", Napi::Function::New<hasAttribute>(env, "hasAttribute"));
  exports.Set("removeAttribute", Napi::Function::New<removeAttribute>(env, "removeAttribute"));
}

}  // namespace uchroot
