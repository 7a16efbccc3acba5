// Stamps of thousands of paths in one hash: it changes if a file or directory at one of the paths does.

#include "../addon/init.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>

#include "../addon/values.h"
#include "descriptor.h"
#include "inroot.h"
#include "milliseconds.h"
#include "sha256.h"

namespace uchroot {
namespace {

// File systems of this kernel alone, which change a file's ctime whenever its content or status changes. Not on this list: a network
// file system, whose server can be late; and /proc, whose times mean nothing.
constexpr unsigned long kTrusted[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                      TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1};

struct Stamp {
  int64_t error;  // errno; then all other members are 0
  uint64_t device, inode, mode, owner, size;
  int64_t mtimeSeconds, mtimeNanoseconds, ctimeSeconds, ctimeNanoseconds;
  uint64_t noexec;
};

class Stamps {
 public:
  explicit Stamps(int root) : root_(root), hash_(fastestSha256()) {}

  // Each path ends in NUL. A last link is followed if the path was read. Of a directory that was not read, only its status
  // counts, and not what is in it.
  void add(std::string_view paths, bool isRead) {
    for (size_t at = 0, end; at < paths.size(); at = end + 1) {
      end = std::min(paths.find('\0', at), paths.size());
      const Stamp stamp = stampOf(std::string(paths.substr(at, end - at)), isRead);
      hash_.update(&stamp, sizeof stamp);
    }
  }

  double newestMs() const { return newestMs_; }
  void finish(uint8_t* hash) { hash_.finish(hash); }

 private:
  Stamp stampOf(const std::string& path, bool isRead) {
    Stamp stamp = {};
    struct stat status;
    struct statvfs system;
    const Descriptor fd(openInRoot(root_, path, O_PATH | (isRead ? 0 : O_NOFOLLOW), 0));
    if (fd.get() < 0 || fstat(fd.get(), &status) < 0 || fstatvfs(fd.get(), &system) < 0) {
      stamp.error = errno;
      // Any other error may go away by itself.
      if (errno != ENOENT && errno != ENOTDIR) newestMs_ = std::numeric_limits<double>::infinity();
      return stamp;
    }
    newestMs_ = std::max(newestMs_, millisecondsOf(status.st_ctim.tv_sec, status.st_ctim.tv_nsec));
    if (!isTrusted(fd.get(), status.st_dev)) newestMs_ = std::numeric_limits<double>::infinity();
    stamp.device = status.st_dev;
    stamp.inode = status.st_ino;
    stamp.mode = status.st_mode;
    stamp.owner = static_cast<uint64_t>(status.st_uid) << 32 | status.st_gid;
    stamp.noexec = system.f_flag & ST_NOEXEC;
    if (S_ISDIR(status.st_mode) && !isRead) return stamp;
    stamp.size = static_cast<uint64_t>(status.st_size);
    stamp.mtimeSeconds = status.st_mtim.tv_sec;
    stamp.mtimeNanoseconds = status.st_mtim.tv_nsec;
    stamp.ctimeSeconds = status.st_ctim.tv_sec;
    stamp.ctimeNanoseconds = status.st_ctim.tv_nsec;
    return stamp;
  }

  bool isTrusted(int fd, dev_t device) {
    const auto known = devices_.find(device);
    if (known != devices_.end()) return known->second;
    struct statfs system;
    const bool isIn = fstatfs(fd, &system) == 0 &&
                      std::ranges::find(kTrusted, static_cast<unsigned long>(system.f_type)) != std::end(kTrusted);
    return devices_[device] = isIn;
  }

  const int root_;
  Sha256 hash_;
  double newestMs_ = 0;
  std::map<dev_t, bool> devices_;
};

// stampPaths(root, looked, read) → {hash, newestMs}
Napi::Value stampPaths(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return env.Undefined();
  if (!info[1].IsBuffer() || !info[2].IsBuffer()) return wrongType(env, "stampPaths(root, looked, read)");
  Stamps stamps(static_cast<int>(*root));
  for (const size_t at : {1, 2}) {
    const auto paths = info[at].As<Napi::Buffer<char>>();
    stamps.add({paths.Data(), paths.Length()}, at == 2);
  }
  const auto hash = Napi::Buffer<uint8_t>::New(env, kSha256Bytes);
  if (hash.IsEmpty()) return env.Undefined();
  stamps.finish(hash.Data());
  Napi::Object result = Napi::Object::New(env);
  result.Set("hash", hash);
  result.Set("newestMs", stamps.newestMs());
  return result;
}

}  // namespace

void initStamps(Napi::Env env, Napi::Object exports) {
  exports.Set("stampPaths", Napi::Function::New<stampPaths>(env, "stampPaths"));
}

}  // namespace uchroot
