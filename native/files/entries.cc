// Makes, renames and removes entries beneath a directory; see inroot.h.

#include <cerrno>
#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "devicenumber.h"
#include "inroot.h"
#include "../addon/init.h"
#include "../addon/values.h"

namespace uchroot {
namespace {

// Opens the directory whose entries change. Links are refused: a jail user who can write above it could make a link to root's
// files in the jail. Mounts are refused, EXDEV: what is mounted in the jail may be the host's.
int openToChange(int root, const std::string& directory, uint64_t resolve = RESOLVE_NO_XDEV) {
  return openInRoot(root, directory, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS | resolve);
}

// The directories above a new jail are made and removed from the root of the host, across its mounts.
constexpr uint64_t kAcrossMounts = 0;

// The parent directory of an entry, opened in the root, and the entry's name. Calls such as mkdirat do not follow a link in the
// last component, and the name is only that component.
class Entry {
 public:
  Entry(int root, const std::string& path, bool& valid, uint64_t resolve = RESOLVE_NO_XDEV) : parent_(-1) {
    const size_t end = path.find_last_not_of('/') + 1;  // 0 if the path is empty or only slashes
    const size_t start = end == 0 ? 0 : path.find_last_of('/', end - 1) + 1;
    name_ = path.substr(start, end - start);
    valid = !name_.empty() && name_ != "." && name_ != "..";
    if (!valid) {
      errno = EINVAL;
      return;
    }
    // "/" and not "": an empty path is ENOENT.
    parent_ = openToChange(root, start == 0 ? "/" : path.substr(0, start), resolve);
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
Napi::Value onEntry(Napi::Env env, int root, const std::string& path, const char* name, Call call,
                    uint64_t resolve = RESOLVE_NO_XDEV) {
  bool valid = false;
  const Entry entry(root, path, valid, resolve);
  return checked(env, valid ? call(entry.parent(), entry.name()) : -1, name, path);
}

Napi::Value makeDirectory(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string, uint32_t>(info, {"root descriptor", "path", "mode"}, [&](int root, auto& path, auto mode) {
    const auto make = [&](int parent, const char* name) { return mkdirat(parent, name, mode); };
    return onEntry(info.Env(), root, path, "mkdir", make, kAcrossMounts);
  });
}

// inRootSymlink(root, {target, path, uid, gid})
Napi::Value makeLink(const Napi::CallbackInfo& info) {
  const Napi::Object given = info[1].As<Napi::Object>();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return info.Env().Undefined();
  const auto path = toBytes(given.Get("path"), "path");
  if (!path) return info.Env().Undefined();
  const auto text = toBytes(given.Get("target"), "target");
  if (!text) return info.Env().Undefined();
  const auto uid = toUint32(given.Get("uid"), "uid");
  if (!uid) return info.Env().Undefined();
  const auto gid = toUint32(given.Get("gid"), "gid");
  if (!gid) return info.Env().Undefined();
  return onEntry(info.Env(), static_cast<int>(*root), *path, "symlink", [&](int parent, const char* name) {
    const int made = symlinkat(text->c_str(), parent, name);
    return made < 0 ? made : fchownat(parent, name, *uid, *gid, AT_SYMLINK_NOFOLLOW);
  });
}

// inRootMknod(root, path, mode, major, minor): a device node, or a fifo with S_IFIFO, of exactly this mode.
Napi::Value makeNode(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string, uint32_t, uint32_t, uint32_t>(
      info, {"root descriptor", "path", "mode", "major", "minor"},
      [&](int root, auto& path, mode_t mode, uint32_t major, uint32_t minor) {
        const dev_t device = toDevice(major, minor);
        return onEntry(info.Env(), root, path, "mknod", [&](int parent, const char* name) {
          if (mknodat(parent, name, mode, device) < 0) return -1;
          // The umask has changed the mode. Changing the umask would affect all threads, so the mode is set afterwards. It is set by
          // descriptor, because the name could be a link by now, and through /proc, because chmod accepts no O_PATH descriptor before
          // Linux 6.6.
          const Descriptor node(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
          struct stat status = {};
          if (node.get() < 0 || fstat(node.get(), &status) < 0) return -1;
          if ((status.st_mode & S_IFMT) != (mode & S_IFMT) || status.st_rdev != device) {
            errno = EEXIST;
            return -1;
          }
          return chmod(("/proc/self/fd/" + std::to_string(node.get())).c_str(), mode & 07777);
        });
      });
}

Napi::Value renameWith(const Napi::CallbackInfo& info, unsigned flags) {
  return withArguments<int, std::string, std::string>(info, {"root descriptor", "path", "path"}, [&](int root, auto& from, auto& to) {
    bool valid = false;
    const Entry source(root, from, valid);
    if (!valid) return checked(info.Env(), -1, "rename", from);
    return onEntry(info.Env(), root, to, "rename", [&](int parent, const char* name) {
      return renameat2(source.parent(), source.name(), parent, name, flags);
    });
  });
}

Napi::Value renameEntry(const Napi::CallbackInfo& info) { return renameWith(info, 0); }
// An existing entry is not replaced.
Napi::Value renameToNew(const Napi::CallbackInfo& info) { return renameWith(info, RENAME_NOREPLACE); }
// Both names exist at any time.
Napi::Value exchangeEntries(const Napi::CallbackInfo& info) { return renameWith(info, RENAME_EXCHANGE); }

// Parent directories of several entries. Each is opened once, so renaming a thousand files needs few descriptors.
class Parents {
 public:
  explicit Parents(int root) : root_(root) {}
  Parents(const Parents&) = delete;
  Parents& operator=(const Parents&) = delete;
  ~Parents() {
    for (const auto& [path, fd] : opened_) close(fd);
  }
  // The parent directory of `path`, and the entry's name; -1 with errno.
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

// A system error like Node's, with the index of the failed pair and the number of renames before it.
Napi::Value failedRename(Napi::Env env, const char* call, const std::string& path, size_t index, size_t renamed) {
  throwErrno(env, errno, call, path);
  Napi::Error error = env.GetAndClearPendingException();
  error.Set("index", static_cast<double>(index));
  error.Set("renamed", static_cast<double>(renamed));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// renameAll(root, [[from, to], …]): opens all parents before the first rename, so that an interruption between the renames is
// unlikely.
Napi::Value renameAll(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return env.Undefined();
  if (!info[1].IsArray()) return wrongType(env, "renameAll(root, [[from, to], …])");
  const Napi::Array pairs = info[1].As<Napi::Array>();
  std::vector<Rename> renames(pairs.Length());
  Parents parents(static_cast<int>(*root));
  for (uint32_t i = 0; i < renames.size(); i++) {
    Rename& rename = renames[i];
    const Napi::Value item = pairs.Get(i);
    if (!item.IsArray()) return wrongType(env, "renameAll(root, [[from, to], …])");
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

Napi::Value removeFile(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) {
    return onEntry(info.Env(), root, path, "unlink", [](int parent, const char* name) { return unlinkat(parent, name, 0); });
  });
}

Napi::Value removeDirectory(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) {
    const auto remove = [](int parent, const char* name) { return unlinkat(parent, name, AT_REMOVEDIR); };
    return onEntry(info.Env(), root, path, "rmdir", remove, kAcrossMounts);
  });
}

// Sets the modification time of the object at a path, in milliseconds since 1970. Links are not followed.
Napi::Value setTimes(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) {
    const double ms = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : 0;
    const double seconds = std::floor(ms / 1e3);
    const timespec time = {static_cast<time_t>(seconds), static_cast<long>((ms - seconds * 1e3) * 1e6)};
    const timespec times[2] = {time, time};
    return onEntry(info.Env(), root, path, "utimensat", [&](int parent, const char* name) {
      return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
    });
  });
}

}  // namespace

void initEntries(Napi::Env env, Napi::Object exports) {
  exports.Set("inRootMkdir", Napi::Function::New<makeDirectory>(env, "inRootMkdir"));
  exports.Set("inRootSymlink", Napi::Function::New<makeLink>(env, "inRootSymlink"));
  exports.Set("inRootMknod", Napi::Function::New<makeNode>(env, "inRootMknod"));
  exports.Set("inRootRename", Napi::Function::New<renameEntry>(env, "inRootRename"));
  exports.Set("inRootRenameNew", Napi::Function::New<renameToNew>(env, "inRootRenameNew"));
  exports.Set("inRootExchange", Napi::Function::New<exchangeEntries>(env, "inRootExchange"));
  exports.Set("renameAll", Napi::Function::New<renameAll>(env, "renameAll"));
  exports.Set("inRootUnlink", Napi::Function::New<removeFile>(env, "inRootUnlink"));
  exports.Set("inRootRmdir", Napi::Function::New<removeDirectory>(env, "inRootRmdir"));
  exports.Set("inRootSetTimes", Napi::Function::New<setTimes>(env, "inRootSetTimes"));
}

}  // namespace uchroot
