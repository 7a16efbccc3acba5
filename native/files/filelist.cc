// Copies a list of files from one directory to another, or only reads and hashes them, on a thread of libuv's pool. There is no
// call from JS for each file. Two lists at a time use two processors.

#include "../addon/init.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../addon/pending.h"
#include "../addon/values.h"
#include "attributes.h"
#include "content.h"
#include "descriptor.h"
#include "inroot.h"
#include "milliseconds.h"
#include "sha256.h"

namespace uchroot {
namespace {

// A sparse file is made quickly but read slowly. Larger files are left to the caller if the list is only read.
constexpr off_t kMaxReadBytes = 1 << 30;

// The attributes of a copy. lib/jail/apply/file-facts.ts uses the same order.
struct Wanted {
  uint32_t name;  // the file name, a number
  uint32_t mode, uid, gid;
  uint32_t keepsCapabilities;
};

// The facts about one file. lib/jail/apply/file-facts.ts uses the same order.
struct Found {
  double isRead;  // 0: no regular file, or not readable
  double sizeBytes, mtimeMs, mode, uid, gid, nlink;
  uint64_t dev, ino;
  uint8_t sha256[kSha256Bytes];
};
static_assert(sizeof(Found) == 104);

void describe(const struct stat& status, Found& found) {
  found.sizeBytes = static_cast<double>(status.st_size);
  found.mtimeMs = millisecondsOf(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  found.mode = status.st_mode & 07777;
  found.uid = status.st_uid;
  found.gid = status.st_gid;
  found.nlink = static_cast<double>(status.st_nlink);
  found.dev = status.st_dev;
  found.ino = status.st_ino;
  found.isRead = 1;
}

class FileList {
 public:
  FileList(int root, int target, std::string paths, std::vector<Wanted> wanted)
      : root_(root), target_(target), paths_(std::move(paths)), wanted_(std::move(wanted)), copier_(progress_) {}

  // False if the copy of file number found_.size() - 1 failed: errno, call().
  bool run() {
    for (size_t at = 0; at < paths_.size();) {
      const std::string path = paths_.c_str() + at;
      at += path.size() + 1;
      found_.emplace_back();
      if (target_.get() < 0) {
        read(path);
      } else if (!copy(path, wanted_[found_.size() - 1])) {
        return false;
      }
    }
    return true;
  }

  const char* call() const { return call_; }
  const std::vector<Found>& found() const { return found_; }

 private:
  void read(const std::string& path) {
    struct stat status;
    const Descriptor fd(openRegular(root_.get(), path, status, call_));
    if (fd.get() < 0 || status.st_size > kMaxReadBytes) return;
    // fstat(2) does not know the size of a file of /proc or /sys, nor of one that grows at this moment
    status.st_size = hashFile(fd.get(), buffer_, found_.back().sha256);
    if (status.st_size >= 0) describe(status, found_.back());
  }

  bool copy(const std::string& path, const Wanted& wanted) {
    struct stat status;
    // The plan has resolved all links. A new one may lead into a directory that only root may search.
    const Descriptor from(openRegular(root_.get(), path, status, call_, RESOLVE_NO_SYMLINKS));
    if (from.get() < 0) return false;
    // In another user's directory the name can lead to another file by now, which only root may read.
    if ((wanted.mode & S_IROTH) != 0 && (status.st_mode & S_IROTH) == 0) return failed("exchanged", EAGAIN);
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const Descriptor to(openat(target_.get(), std::to_string(wanted.name).c_str(), flags, 0600));
    if (to.get() < 0) return failed("openat", errno);
    if (!copier_.copyHashed(from.get(), to.get(), status, found_.back().sha256)) return failed(copier_.call(), errno);
    if (fchown(to.get(), wanted.uid, wanted.gid) < 0) return failed("fchown", errno);
    // After fchown, which clears the set-user-ID bit.
    if (fchmod(to.get(), wanted.mode) < 0) return failed("fchmod", errno);
    if (wanted.keepsCapabilities != 0 && !copyCapabilities(from.get(), to.get(), call_)) return false;
    const timespec times[2] = {status.st_atim, status.st_mtim};
    if (futimens(to.get(), times) < 0) return failed("futimens", errno);
    if (fstat(to.get(), &status) < 0) return failed("fstat", errno);
    describe(status, found_.back());
    return true;
  }

  bool failed(const char* call, int error) {
    call_ = call;
    errno = error;
    return false;
  }

  const Descriptor root_;
  const Descriptor target_;
  const std::string paths_;  // the paths, each with a NUL
  const std::vector<Wanted> wanted_;
  std::vector<Found> found_;
  std::vector<char> buffer_;
  TreeProgress progress_;
  ContentCopier copier_;
  const char* call_ = "";
};

class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Env env, int root, int target, std::string paths, std::vector<Wanted> wanted)
      : Napi::AsyncWorker(env, "uchroot.readFiles"),
        promise_(env),
        list_(root, target, std::move(paths), std::move(wanted)) {}

  Napi::Value promise() const { return promise_.value(); }

  void Execute() override {
    if (!list_.run()) error_ = errno;
  }

  void OnOK() override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    const auto& found = list_.found();
    if (error_ == 0) {
      const char* bytes = reinterpret_cast<const char*>(found.data());
      promise_.resolve(Napi::Buffer<char>::Copy(env, bytes, found.size() * sizeof(Found)));
      return;
    }
    throwErrno(env, error_, list_.call());
    const Napi::Error error = env.GetAndClearPendingException();
    error.Set("index", static_cast<double>(found.size() - 1));
    promise_.reject(error.Value());
  }

 private:
  const Promise promise_;
  FileList list_;
  int error_ = 0;
};

// readFiles(rootFd, targetFd, paths, wanted) → Promise of a Buffer of Found. Each path in `paths` ends in NUL. With targetFd -1,
// nothing is copied.
Napi::Value readFiles(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor");
  if (!root) return env.Undefined();
  if (!info[1].IsNumber() || !info[2].IsTypedArray() || !info[3].IsTypedArray()) return wrongType(env, "readFiles(rootFd, targetFd, paths, wanted)");
  const Napi::Uint8Array bytes = info[2].As<Napi::Uint8Array>();
  const Napi::Uint32Array numbers = info[3].As<Napi::Uint32Array>();
  std::string paths(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  std::vector<Wanted> wanted(numbers.ByteLength() / sizeof(Wanted));
  if (!wanted.empty()) std::memcpy(wanted.data(), numbers.Data(), wanted.size() * sizeof(Wanted));
  const int target = info[1].As<Napi::Number>().Int32Value();
  const auto count = static_cast<size_t>(std::count(paths.begin(), paths.end(), '\0'));
  if ((!paths.empty() && paths.back() != '\0') || (target >= 0 && wanted.size() != count)) return wrongType(env, "as many paths as files wanted");
  // Duplicates: the caller may close its descriptors meanwhile.
  Descriptor ownRoot(fcntl(static_cast<int>(*root), F_DUPFD_CLOEXEC, 3));
  if (ownRoot.get() < 0) return checked(env, -1, "fcntl");
  Descriptor ownTarget(target < 0 ? -1 : fcntl(target, F_DUPFD_CLOEXEC, 3));
  if (target >= 0 && ownTarget.get() < 0) return checked(env, -1, "fcntl");
  auto* work = new Reading(env, ownRoot.release(), ownTarget.release(), std::move(paths), std::move(wanted));
  const Napi::Value promise = work->promise();
  work->Queue();
  return promise;
}

}  // namespace

void initFileList(Napi::Env env, Napi::Object exports) {
  exports.Set("readFiles", Napi::Function::New<readFiles>(env, "readFiles"));
}

}  // namespace uchroot
