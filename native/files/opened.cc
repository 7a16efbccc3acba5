// Calls for open files and directories: copy, lock, write to disk, attributes.

#include "../addon/init.h"

#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/limits.h>
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
  return withArguments<int, int>(info, {"source descriptor", "target descriptor"}, [&](int from, int to) {
    struct stat status = {};
    if (fstat(from, &status) < 0) return checked(info.Env(), -1, "fstat");
    TreeProgress progress;
    ContentCopier copier(progress);
    // A file of /proc has size 0.
    const bool isCopied = status.st_size == 0 ? copier.copyToEnd(from, to) : copier.copy(from, to, status);
    if (!isCopied) return checked(info.Env(), -1, copier.call());
    const timespec times[2] = {status.st_atim, status.st_mtim};
    return checked(info.Env(), futimens(to, times), "futimens");
  });
}

// Copies file capabilities (capabilities(7)). A file without any is no error.
Napi::Value giveCapabilities(const Napi::CallbackInfo& info) {
  return withArguments<int, int>(info, {"source descriptor", "target descriptor"}, [&](int source, int target) {
    const char* call = "";
    const bool isCopied = copyCapabilities(source, target, call);
    return checked(info.Env(), isCopied ? 0 : -1, call);
  });
}

// The file capabilities as the kernel keeps them (capabilities(7), linux/capability.h); undefined if there are none.
Napi::Value fileCapabilities(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) -> Napi::Value {
    char value[kCapabilityBytes];
    const ssize_t size = readCapabilities(fd, value);
    if (size >= 0) return Napi::Buffer<char>::Copy(info.Env(), value, static_cast<size_t>(size));
    const bool hasNone = errno == ENODATA || errno == EOPNOTSUPP;
    return hasNone ? info.Env().Undefined() : checked(info.Env(), -1, "fgetxattr");
  });
}

// Locks an open file or directory until it is closed. False if another process holds a conflicting lock (flock(2)).
Napi::Value lock(const Napi::CallbackInfo& info, int kind) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) -> Napi::Value {
    if (flock(fd, kind | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
    return errno == EWOULDBLOCK ? Napi::Boolean::New(info.Env(), false) : checked(info.Env(), -1, "flock");
  });
}

Napi::Value lockFile(const Napi::CallbackInfo& info) { return lock(info, LOCK_EX); }
Napi::Value lockShared(const Napi::CallbackInfo& info) { return lock(info, LOCK_SH); }

// Writes all data of the directory's file system to disk (syncfs(2)). One call for many files is faster than an fsync for each.
Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"root descriptor"}, [&](int root) {
    const Descriptor directory(openInRoot(root, "/", O_RDONLY | O_DIRECTORY, 0));
    if (directory.get() < 0) return checked(info.Env(), -1, "openat2", "/");
    return checked(info.Env(), syncfs(directory.get()), "syncfs");
  });
}

// The disk begins to write what is in the file: syncFileSystem then waits for less. A file system that cannot do this waits there.
Napi::Value beginWriting(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) {
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return info.Env().Undefined();
  });
}

// openBeneath(fd): a detached copy of the directory's mount, from the directory down. Mounts inside it are not copied, because
// AT_RECURSIVE is not given (open_tree(2)).
Napi::Value openBeneath(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int directory) -> Napi::Value {
    const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    const long fd = syscall(SYS_open_tree, directory, "", flags);
    if (fd < 0) return checked(info.Env(), -1, "open_tree");
    return Napi::Number::New(info.Env(), static_cast<double>(fd));
  });
}

// hasAttribute(fd, name): reads through /proc, because fgetxattr accepts no O_PATH descriptor.
Napi::Value hasAttribute(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"descriptor", "name"}, [&](int fd, auto& name) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return Napi::Boolean::New(info.Env(), getxattr(path.c_str(), name.c_str(), nullptr, 0) >= 0);
  });
}

// removeAttribute(fd, name): one that is not there is fine, and so is a file system that has none.
Napi::Value removeAttribute(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"descriptor", "name"}, [&](int fd, auto& name) {
    const bool isGone = fremovexattr(fd, name.c_str()) == 0 || errno == ENODATA || errno == EOPNOTSUPP;
    return checked(info.Env(), isGone ? 0 : -1, "fremovexattr", name);
  });
}

// copyAccessList(from, to): the new file has the list of the old one, or none: not that which its directory gives to new files (acl(5)).
// `from` can be an O_PATH descriptor.
Napi::Value copyAccessList(const Napi::CallbackInfo& info) {
  return withArguments<int, int>(info, {"source descriptor", "target descriptor"}, [&](int from, int to) {
    constexpr const char* kAccess = "system.posix_acl_access";
    const std::string path = "/proc/self/fd/" + std::to_string(from);
    std::vector<char> list(XATTR_SIZE_MAX);
    const ssize_t size = getxattr(path.c_str(), kAccess, list.data(), list.size());
    if (size >= 0) return checked(info.Env(), fsetxattr(to, kAccess, list.data(), static_cast<size_t>(size), 0), "fsetxattr");
    if (errno != ENODATA && errno != EOPNOTSUPP) return checked(info.Env(), -1, "getxattr");
    const bool hasNone = fremovexattr(to, kAccess) == 0 || errno == ENODATA || errno == EOPNOTSUPP;
    return checked(info.Env(), hasNone ? 0 : -1, "fremovexattr");
  });
}

}  // namespace

void initOpened(Napi::Env env, Napi::Object exports) {
  exports.Set("copyFile", Napi::Function::New<copyFile>(env, "copyFile"));
  exports.Set("copyCapabilities", Napi::Function::New<giveCapabilities>(env, "copyCapabilities"));
  exports.Set("fileCapabilities", Napi::Function::New<fileCapabilities>(env, "fileCapabilities"));
  exports.Set("lockFile", Napi::Function::New<lockFile>(env, "lockFile"));
  exports.Set("lockShared", Napi::Function::New<lockShared>(env, "lockShared"));
  exports.Set("inRootSync", Napi::Function::New<syncFileSystem>(env, "inRootSync"));
  exports.Set("beginWriting", Napi::Function::New<beginWriting>(env, "beginWriting"));
  exports.Set("openBeneath", Napi::Function::New<openBeneath>(env, "openBeneath"));
  exports.Set("hasAttribute", Napi::Function::New<hasAttribute>(env, "hasAttribute"));
  exports.Set("copyAccessList", Napi::Function::New<copyAccessList>(env, "copyAccessList"));
  exports.Set("removeAttribute", Napi::Function::New<removeAttribute>(env, "removeAttribute"));
}

}  // namespace uchroot
