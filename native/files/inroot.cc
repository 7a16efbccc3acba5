// File operations beneath a directory: the kernel resolves every path as if the directory were the root
// (openat2(2), RESOLVE_IN_ROOT), so that no link and no `..` leads out of it.

#include "inroot.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attributes.h"
#include "content.h"
#include "descriptor.h"
#include "../addon/values.h"
#include "way.h"

namespace uchroot {

int openInRoot(int root, const std::string& path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  // No magic links: /proc/PID/root and /proc/PID/fd/N of a /proc mounted in the jail lead out of it.
  open_how how = {flags | O_CLOEXEC, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve};
  // EAGAIN: something was renamed or mounted while `..` was resolved, and the kernel could not tell whether
  // that led out. Whoever renames all the time in a jail must not hold us for ever.
  for (int attempt = 0; attempt < 128; attempt++) {
    const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return -1;
}

int openRegular(int root, const std::string& path, struct stat& status, const char*& call) {
  // Looked at before, since opening a device can do things; and after, since it may have been exchanged.
  for (const uint64_t flags : {O_PATH, O_RDONLY | O_NONBLOCK | O_NOCTTY}) {
    call = "openat2";
    Descriptor fd(openInRoot(root, path, flags, 0));
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

namespace {

struct Target {
  int root;
  std::string path;
};

std::optional<Target> toTarget(const Napi::CallbackInfo& info, size_t pathIndex = 1) {
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return std::nullopt;
  auto path = toBytes(info[pathIndex], "path");
  if (!path) return std::nullopt;
  return Target{static_cast<int>(*root), std::move(*path)};
}

// The directory in which something is changed. Not by way of a link: a user of the jail who may write above it could make one
// that leads to what is root's in the jail.
int openToChange(int root, const std::string& directory) {
  return openInRoot(root, directory, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
}

// The directory that an entry lies in, opened in the root, and the entry's name in it. Calls such as mkdirat
// follow no link in the last component, and it is the only one they are given.
class Entry {
 public:
  Entry(const Target& target, bool& valid) : parent_(-1) {
    const std::string& path = target.path;
    const size_t end = path.find_last_not_of('/') + 1;  // 0 if there is nothing but slashes
    const size_t start = end == 0 ? 0 : path.find_last_of('/', end - 1) + 1;
    name_ = path.substr(start, end - start);
    valid = !name_.empty() && name_ != "." && name_ != "..";
    if (!valid) {
      errno = EINVAL;
      return;
    }
    // "/" rather than "": an empty path is ENOENT
    parent_ = openToChange(target.root, start == 0 ? "/" : path.substr(0, start));
    valid = parent_ >= 0;
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() {
    if (parent_ >= 0) close(parent_);
  }
  int parent() const { return parent_; }
  const char* name() const { return name_.c_str(); }

 private:
  int parent_;
  std::string name_;
};

template <typename Call>
Napi::Value onEntry(const Napi::CallbackInfo& info, const Target& target, const char* name, Call call) {
  bool valid = false;
  const Entry entry(target, valid);
  return checked(info.Env(), valid ? call(entry.parent(), entry.name()) : -1, name, target.path);
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  const auto flags = toUint32(info[2], "flags");
  if (!flags) return info.Env().Undefined();
  const auto mode = info[3].IsUndefined() ? std::optional<uint32_t>(0) : toUint32(info[3], "mode");
  if (!mode) return info.Env().Undefined();
  const uint64_t resolve = (*flags & O_NOFOLLOW) != 0 ? RESOLVE_NO_SYMLINKS : 0;
  const int fd = openInRoot(target->root, target->path, *flags, *mode, resolve);
  if (fd < 0) return checked(info.Env(), -1, "openat2", target->path);
  return Napi::Number::New(info.Env(), fd);
}

bool readLink(int fd, std::string& target) {
  // A link's target is at most a page long (symlink(7)); one byte more tells a cut one.
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
  object.Set("mtimeMs", Napi::Number::New(info.Env(), static_cast<double>(status.st_mtim.tv_sec) * 1e3 +
                                                          static_cast<double>(status.st_mtim.tv_nsec / 1000000)));
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    object.Set("major", Napi::Number::New(info.Env(), major(status.st_rdev)));
    object.Set("minor", Napi::Number::New(info.Env(), minor(status.st_rdev)));
  }
  object.Set("noexec", Napi::Boolean::New(info.Env(), (system.f_flag & ST_NOEXEC) != 0));
  if (S_ISLNK(status.st_mode)) {
    std::string target;
    if (!readLink(fd, target)) return checked(info.Env(), -1, "readlink", path);
    object.Set("target", Napi::Buffer<char>::Copy(info.Env(), target.data(), target.size()));
  }
  std::string acl;
  if (!readAcl(fd, status.st_mode, acl)) return checked(info.Env(), -1, "getxattr", path);
  if (!acl.empty()) object.Set("acl", Napi::Buffer<char>::Copy(info.Env(), acl.data(), acl.size()));
  return object;
}

Napi::Value lstatPath(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  // O_PATH: neither permission on the object is needed nor does opening it do anything, such as wait or rewind.
  const Descriptor fd(openInRoot(target->root, target->path, O_PATH | O_NOFOLLOW, 0));
  if (fd.get() < 0) return checked(info.Env(), -1, "openat2", target->path);
  return statusOf(info, fd.get(), target->path);
}

Napi::Value fstatDescriptor(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  return statusOf(info, static_cast<int>(*fd), "");
}

Napi::Value makeDirectory(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  const auto mode = toUint32(info[2], "mode");
  if (!mode) return info.Env().Undefined();
  return onEntry(info, *target, "mkdir",
                 [&](int parent, const char* name) { return mkdirat(parent, name, *mode); });
}

Napi::Value makeLink(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info, 2);
  if (!target) return info.Env().Undefined();
  const auto text = toBytes(info[1], "target");
  if (!text) return info.Env().Undefined();
  return onEntry(info, *target, "symlink",
                 [&](int parent, const char* name) { return symlinkat(text->c_str(), parent, name); });
}

// Makes a device node (or, with S_IFIFO, a fifo) of exactly this mode.
Napi::Value makeNode(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  uint32_t numbers[3] = {};
  const char* const names[] = {"mode", "major", "minor"};
  for (size_t i = 0; i < 3; i++) {
    const auto number = toUint32(info[2 + i], names[i]);
    if (!number) return info.Env().Undefined();
    numbers[i] = *number;
  }
  const mode_t mode = numbers[0];
  const dev_t device = makedev(numbers[1], numbers[2]);
  return onEntry(info, *target, "mknod", [&](int parent, const char* name) {
    if (mknodat(parent, name, mode, device) < 0) return -1;
    // The umask has had its say in the mode; setting it aside would do so for all threads. By descriptor, of the
    // very node: a name could be a link by now. /proc, since chmod takes no O_PATH descriptor before 6.6.
    const Descriptor node(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status = {};
    if (node.get() < 0 || fstat(node.get(), &status) < 0) return -1;
    if ((status.st_mode & S_IFMT) != (mode & S_IFMT) || status.st_rdev != device) {
      errno = EEXIST;
      return -1;
    }
    return chmod(("/proc/self/fd/" + std::to_string(node.get())).c_str(), mode & 07777);
  });
}

Napi::Value renameWith(const Napi::CallbackInfo& info, unsigned flags) {
  const auto from = toTarget(info, 1);
  if (!from) return info.Env().Undefined();
  const auto to = toTarget(info, 2);
  if (!to) return info.Env().Undefined();
  bool valid = false;
  const Entry source(*from, valid);
  if (!valid) return checked(info.Env(), -1, "rename", from->path);
  return onEntry(info, *to, "rename", [&](int parent, const char* name) {
    return renameat2(source.parent(), source.name(), parent, name, flags);
  });
}

// renameEntry(root, from, to, exclusive): with `exclusive` nothing that is there already is replaced.
Napi::Value renameEntry(const Napi::CallbackInfo& info) {
  return renameWith(info, info[3].ToBoolean() ? RENAME_NOREPLACE : 0);
}

// exchangeEntries(root, one, other): both names are there before and after.
Napi::Value exchangeEntries(const Napi::CallbackInfo& info) { return renameWith(info, RENAME_EXCHANGE); }

// Directories that several entries lie in, each opened once: a rename of a thousand files needs few descriptors.
class Parents {
 public:
  explicit Parents(int root) : root_(root) {}
  Parents(const Parents&) = delete;
  Parents& operator=(const Parents&) = delete;
  ~Parents() {
    for (const auto& [path, fd] : opened_) close(fd);
  }
  // The directory of `path` and the name in it; -1 with errno.
  int open(const std::string& path, std::string& name) {
    const size_t start = path.find_last_of('/') + 1;  // 0 if there is no slash
    name = path.substr(start);
    if (name.empty() || name == "." || name == "..") {
      errno = EINVAL;
      return -1;
    }
    const std::string parent = start == 0 ? "/" : path.substr(0, start);
    const auto found = opened_.find(parent);
    if (found != opened_.end()) return found->second;
    const int fd = openToChange(root_, parent);
    if (fd >= 0) opened_.emplace(parent, fd);
    return fd;
  }

 private:
  int root_;
  std::unordered_map<std::string, int> opened_;
};

struct Rename {
  std::string from, to;
  std::string fromName, toName;
  int fromParent = -1;
  int toParent = -1;
};

// Node's kind of system error, which also says at which pair, and how many were renamed before.
Napi::Value failedRename(Napi::Env env, const char* call, const std::string& path, size_t index, size_t renamed) {
  throwErrno(env, errno, call, path);
  Napi::Error error = env.GetAndClearPendingException();
  error.Set("index", static_cast<double>(index));
  error.Set("renamed", static_cast<double>(renamed));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// renameAll(root, [[from, to], …]): what can be looked up is looked up before the first rename, so that an interruption
// between the first and the last is as unlikely as can be.
Napi::Value renameAll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return env.Undefined();
  if (!info[1].IsArray()) {
    Napi::TypeError::New(env, "renameAll(root, [[from, to], …])").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Array pairs = info[1].As<Napi::Array>();
  std::vector<Rename> renames(pairs.Length());
  Parents parents(static_cast<int>(*root));
  for (uint32_t i = 0; i < renames.size(); i++) {
    Rename& rename = renames[i];
    const Napi::Value item = pairs.Get(i);
    if (!item.IsArray()) {
      Napi::TypeError::New(env, "renameAll(root, [[from, to], …])").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const Napi::Array pair = item.As<Napi::Array>();
    auto from = toBytes(pair.Get(0u), "from");
    if (!from) return env.Undefined();
    auto to = toBytes(pair.Get(1u), "to");
    if (!to) return env.Undefined();
    rename.from = std::move(*from);
    rename.to = std::move(*to);
    rename.fromParent = parents.open(rename.from, rename.fromName);
    if (rename.fromParent < 0) return failedRename(env, "openat2", rename.from, i, 0);
    rename.toParent = parents.open(rename.to, rename.toName);
    if (rename.toParent < 0) return failedRename(env, "openat2", rename.to, i, 0);
  }
  for (size_t i = 0; i < renames.size(); i++) {
    const Rename& each = renames[i];
    if (renameat(each.fromParent, each.fromName.c_str(), each.toParent, each.toName.c_str()) < 0) {
      return failedRename(env, "rename", each.to, i, i);
    }
  }
  return env.Undefined();
}

Napi::Value removeEntry(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  const int flags = info[2].ToBoolean() ? AT_REMOVEDIR : 0;
  return onEntry(info, *target, flags != 0 ? "rmdir" : "unlink",
                 [&](int parent, const char* name) { return unlinkat(parent, name, flags); });
}

// Copies content and modification time of one regular file into another, empty one.
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
  // A file of /proc says that it is empty.
  const bool isCopied = status.st_size == 0 ? copier.copyToEnd(from, to) : copier.copy(from, to, status);
  if (!isCopied) return checked(info.Env(), -1, copier.call());
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return checked(info.Env(), futimens(to, times), "futimens");
}

// close(2), for what was opened here: of a descriptor that Node has not opened itself, a worker's closeSync warns.
Napi::Value closeDescriptor(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  return checked(info.Env(), close(static_cast<int>(*fd)), "close");
}

// File capabilities of one file for another (capabilities(7)); none is fine.
Napi::Value giveCapabilities(const Napi::CallbackInfo& info) {
  const auto source = toUint32(info[0], "source descriptor");
  if (!source) return info.Env().Undefined();
  const auto target = toUint32(info[1], "target descriptor");
  if (!target) return info.Env().Undefined();
  const char* call = "";
  const bool isCopied = copyCapabilities(static_cast<int>(*source), static_cast<int>(*target), call);
  return checked(info.Env(), isCopied ? 0 : -1, call);
}

// When the object at a path, itself even if it is a link, was last modified: in milliseconds since 1970.
Napi::Value setTimes(const Napi::CallbackInfo& info) {
  const auto target = toTarget(info);
  if (!target) return info.Env().Undefined();
  const double ms = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : 0;
  const double seconds = std::floor(ms / 1e3);
  const timespec time = {static_cast<time_t>(seconds), static_cast<long>((ms - seconds * 1e3) * 1e6)};
  const timespec times[2] = {time, time};
  return onEntry(info, *target, "utimensat", [&](int parent, const char* name) {
    return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
  });
}

// A lock on an open file or directory, for as long as it is open; false if somebody else has one that it does not go
// with (flock(2)). lockFile(fd, shared)
Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return info.Env().Undefined();
  const int kind = info[1].ToBoolean() ? LOCK_SH : LOCK_EX;
  if (flock(static_cast<int>(*fd), kind | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  return checked(info.Env(), -1, "flock");
}

// Writes everything of the file system that the directory lies on to disk (syncfs(2)): once for many files, where an
// fsync for each would wait for each.
Napi::Value syncFileSystem(const Napi::CallbackInfo& info) {
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return info.Env().Undefined();
  const Descriptor directory(openInRoot(static_cast<int>(*root), "/", O_RDONLY | O_DIRECTORY, 0));
  if (directory.get() < 0) return checked(info.Env(), -1, "openat2", "/");
  return checked(info.Env(), syncfs(directory.get()), "syncfs");
}

}  // namespace

Napi::Object initInRoot(Napi::Env env, Napi::Object exports) {
  exports.Set("inRootOpen", Napi::Function::New<open>(env, "inRootOpen"));
  exports.Set("inRootLstat", Napi::Function::New<lstatPath>(env, "inRootLstat"));
  exports.Set("inRootFstat", Napi::Function::New<fstatDescriptor>(env, "inRootFstat"));
  exports.Set("inRootMkdir", Napi::Function::New<makeDirectory>(env, "inRootMkdir"));
  exports.Set("inRootSymlink", Napi::Function::New<makeLink>(env, "inRootSymlink"));
  exports.Set("inRootMknod", Napi::Function::New<makeNode>(env, "inRootMknod"));
  exports.Set("inRootRename", Napi::Function::New<renameEntry>(env, "inRootRename"));
  exports.Set("inRootExchange", Napi::Function::New<exchangeEntries>(env, "inRootExchange"));
  exports.Set("renameAll", Napi::Function::New<renameAll>(env, "renameAll"));
  exports.Set("inRootUnlink", Napi::Function::New<removeEntry>(env, "inRootUnlink"));
  exports.Set("inRootSync", Napi::Function::New<syncFileSystem>(env, "inRootSync"));
  exports.Set("inRootSetTimes", Napi::Function::New<setTimes>(env, "inRootSetTimes"));
  exports.Set("closeDescriptor", Napi::Function::New<closeDescriptor>(env, "closeDescriptor"));
  exports.Set("copyFile", Napi::Function::New<copyFile>(env, "copyFile"));
  exports.Set("copyCapabilities", Napi::Function::New<giveCapabilities>(env, "copyCapabilities"));
  exports.Set("lockFile", Napi::Function::New<lockFile>(env, "lockFile"));
  return exports;
}

}  // namespace uchroot
