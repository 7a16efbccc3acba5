// Calls that are made thousands of times in a row. Results are written to an array that the caller reuses, and a missing file is
// a result, not an exception.

#include "inroot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "../addon/init.h"
#include "../addon/values.h"
#include "milliseconds.h"
#include "way.h"

namespace uchroot {
namespace {

// lib/tree/root.ts uses the same order.
struct Numbers {
  double mode;
  double uid;
  double gid;
  double size;
  double mtimeMs;
  double noexec;
  uint64_t dev;  // the last two as integers: a double holds only 53 bits
  uint64_t ino;
};

Numbers* toNumbers(const Napi::CallbackInfo& info) {
  if (info[2].IsTypedArray()) {
    const Napi::TypedArray array = info[2].As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_float64_array && array.ByteLength() == sizeof(Numbers)) {
      return reinterpret_cast<Numbers*>(info[2].As<Napi::Float64Array>().Data());
    }
  }
  wrongType(info.Env(), "the numbers must be a Float64Array of 8");
  return nullptr;
}

bool isAbsence(int error) { return error == ENOENT || error == ENOTDIR; }

// Returns undefined for a missing file, otherwise throws errno.
Napi::Value absentOr(const Napi::CallbackInfo& info, const char* call, const std::string& path) {
  return isAbsence(errno) ? info.Env().Undefined() : checked(info.Env(), -1, call, path);
}

bool fill(int fd, const struct stat& status, Numbers& numbers) {
  struct statvfs system = {};
  if (fstatvfs(fd, &system) < 0) return false;
  numbers.mode = status.st_mode;
  numbers.uid = status.st_uid;
  numbers.gid = status.st_gid;
  numbers.size = static_cast<double>(status.st_size);
  numbers.mtimeMs = millisecondsOf(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  numbers.noexec = (system.f_flag & ST_NOEXEC) != 0 ? 1 : 0;
  numbers.dev = status.st_dev;
  numbers.ino = status.st_ino;
  return true;
}

// One character for each byte.
Napi::Value toText(Napi::Env env, const std::string& bytes) {
  napi_value text = nullptr;
  if (napi_create_string_latin1(env, bytes.data(), bytes.size(), &text) != napi_ok) return env.Undefined();
  return Napi::Value(env, text);
}

// lookInRoot(root, path, numbers) → true; the target of a link; false if there may be an access control list, which inRootLstat
// reads; undefined if nothing is there.
Napi::Value lookInRoot(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) -> Napi::Value {
    const Napi::Env env = info.Env();
    Numbers* numbers = toNumbers(info);
    if (numbers == nullptr) return env.Undefined();
    const Descriptor fd(openInRoot(root, path, O_PATH | O_NOFOLLOW, 0));
    if (fd.get() < 0) return absentOr(info, "openat2", path);
    struct stat status = {};
    if (fstat(fd.get(), &status) < 0) return checked(env, -1, "fstat", path);
    const bool isLink = S_ISLNK(status.st_mode);
    if (canHaveAcl(status.st_mode)) return Napi::Boolean::New(env, false);
    if (!fill(fd.get(), status, *numbers)) return checked(env, -1, "fstatfs", path);
    if (!isLink) return Napi::Boolean::New(env, true);
    std::string leadsTo;
    if (!readLink(fd.get(), leadsTo)) return checked(env, -1, "readlink", path);
    return toText(env, leadsTo);
  });
}

// openFileInRoot(root, path, numbers) → a descriptor of a regular file for reading, links followed; undefined if nothing is
// there. EISDIR or EINVAL for other file types, and for a fifo, which would wait for a writer.
Napi::Value openFileInRoot(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) -> Napi::Value {
    Numbers* numbers = toNumbers(info);
    if (numbers == nullptr) return info.Env().Undefined();
    struct stat status = {};
    const char* call = "";
    Descriptor fd(openRegular(root, path, status, call));
    if (fd.get() < 0) return absentOr(info, call, path);
    if (!fill(fd.get(), status, *numbers)) return checked(info.Env(), -1, "fstatfs", path);
    return Napi::Number::New(info.Env(), fd.release());
  });
}

// readAt(fd, bytes, offset) → the number of bytes that were read into the array; fewer than it has only at the end of the file.
Napi::Value readAt(const Napi::CallbackInfo& info) {
  return withArguments<int>(info, {"descriptor"}, [&](int fd) -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto bytes = viewOf(info[1]);
    if (!bytes || !info[2].IsNumber()) return wrongType(env, "readAt(fd, bytes: Uint8Array, offset: number)");
    char* into = const_cast<char*>(bytes->data());
    const off_t offset = info[2].As<Napi::Number>().Int64Value();
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t count = pread(fd, into + done, bytes->size() - done, offset + static_cast<off_t>(done));
      if (count == 0) break;
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return checked(env, -1, "read");
      done += static_cast<size_t>(count);
    }
    return Napi::Number::New(env, static_cast<double>(done));
  });
}

// Reads the names in an open directory and closes it. False with errno.
bool readNames(int fd, std::vector<std::string>& names) {
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const int error = errno;
    close(fd);
    errno = error;
    return false;
  }
  errno = 0;
  for (const dirent* entry = readdir(directory); entry != nullptr; entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  int error = errno;
  if (closedir(directory) < 0 && error == 0) error = errno;
  errno = error;
  return error == 0;
}

// listInRoot(root, path) → the sorted names in a directory, one character for each byte; undefined if there is none.
Napi::Value listInRoot(const Napi::CallbackInfo& info) {
  return withArguments<int, std::string>(info, {"root descriptor", "path"}, [&](int root, auto& path) -> Napi::Value {
    const Napi::Env env = info.Env();
    const int fd = openInRoot(root, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return absentOr(info, "openat2", path);
    std::vector<std::string> names;
    if (!readNames(fd, names)) return checked(env, -1, "readdir", path);
    // Compares bytes: char_traits<char> compares as unsigned char.
    std::sort(names.begin(), names.end());
    Napi::Array list = Napi::Array::New(env, names.size());
    for (uint32_t i = 0; i < names.size(); i++) list.Set(i, toText(env, names[i]));
    return list;
  });
}

// readInRoot(root, paths, maxBytes) → a Buffer for each path, or undefined if there is no regular file that can be read
Napi::Value readInRoot(const Napi::CallbackInfo& info) {
  return withArguments<int, std::vector<std::string>, uint32_t>(
      info, {"root descriptor", "paths", "maxBytes"}, [&](int root, auto& paths, auto maxBytes) {
        Napi::Array found = Napi::Array::New(info.Env(), paths.size());
        std::string data;
        for (uint32_t at = 0; at < paths.size(); at++) {
          const bool isRead = readHead(root, paths[at], maxBytes, data);
          found.Set(at, isRead ? Napi::Value(toBuffer(info.Env(), data)) : info.Env().Undefined());
        }
        return found;
      });
}

}  // namespace

bool readHead(int root, const std::string& path, size_t maxBytes, std::string& data) {
  struct stat status = {};
  const char* call = "";
  const Descriptor fd(openRegular(root, path, status, call));
  if (fd.get() < 0) return false;
  data.resize(std::min(static_cast<size_t>(status.st_size), maxBytes));
  for (size_t done = 0; done < data.size();) {
    const ssize_t count = pread(fd.get(), data.data() + done, data.size() - done, static_cast<off_t>(done));
    if (count < 0) return false;
    if (count == 0) data.resize(done);
    done += static_cast<size_t>(count);
  }
  return true;
}

void initLook(Napi::Env env, Napi::Object exports) {
  exports.Set("lookInRoot", Napi::Function::New<lookInRoot>(env, "lookInRoot"));
  exports.Set("openFileInRoot", Napi::Function::New<openFileInRoot>(env, "openFileInRoot"));
  exports.Set("readAt", Napi::Function::New<readAt>(env, "readAt"));
  exports.Set("readInRoot", Napi::Function::New<readInRoot>(env, "readInRoot"));
  exports.Set("listInRoot", Napi::Function::New<listInRoot>(env, "listInRoot"));
}

}  // namespace uchroot
