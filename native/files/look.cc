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
  Napi::TypeError::New(info.Env(), "the numbers must be a Float64Array of 8").ThrowAsJavaScriptException();
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
  const Napi::Env env = info.Env();
  const auto target = toTarget(info);
  if (!target) return env.Undefined();
  Numbers* numbers = toNumbers(info);
  if (numbers == nullptr) return env.Undefined();
  const Descriptor fd(openInRoot(target->root, target->path, O_PATH | O_NOFOLLOW, 0));
  if (fd.get() < 0) return absentOr(info, "openat2", target->path);
  struct stat status = {};
  if (fstat(fd.get(), &status) < 0) return checked(env, -1, "fstat", target->path);
  const bool isLink = S_ISLNK(status.st_mode);
  if (canHaveAcl(status.st_mode)) return Napi::Boolean::New(env, false);
  if (!fill(fd.get(), status, *numbers)) return checked(env, -1, "fstatfs", target->path);
  if (!isLink) return Napi::Boolean::New(env, true);
  std::string leadsTo;
  if (!readLink(fd.get(), leadsTo)) return checked(env, -1, "readlink", target->path);
  return toText(env, leadsTo);
}

// openFileInRoot(root, path, numbers) → a descriptor of a regular file for reading, links followed; undefined if nothing is
// there. EISDIR or EINVAL for other file types, and for a fifo, which would wait for a writer.
Napi::Value openFileInRoot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto target = toTarget(info);
  if (!target) return env.Undefined();
  Numbers* numbers = toNumbers(info);
  if (numbers == nullptr) return env.Undefined();
  struct stat status = {};
  const char* call = "";
  Descriptor fd(openRegular(target->root, target->path, status, call));
  if (fd.get() < 0) return absentOr(info, call, target->path);
  if (!fill(fd.get(), status, *numbers)) return checked(env, -1, "fstatfs", target->path);
  return Napi::Number::New(env, fd.release());
}

// readAt(fd, bytes, offset) → the number of bytes that were read into the array; fewer than it has only at the end of the file.
Napi::Value readAt(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto fd = toUint32(info[0], "descriptor");
  if (!fd) return env.Undefined();
  const bool isArray = info[1].IsTypedArray() && info[1].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!isArray || !info[2].IsNumber()) {
    Napi::TypeError::New(env, "readAt(fd, bytes: Uint8Array, offset: number)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Uint8Array bytes = info[1].As<Napi::Uint8Array>();
  const off_t offset = info[2].As<Napi::Number>().Int64Value();
  size_t done = 0;
  while (done < bytes.ByteLength()) {
    const ssize_t count =
        pread(static_cast<int>(*fd), bytes.Data() + done, bytes.ByteLength() - done, offset + static_cast<off_t>(done));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return checked(env, -1, "read");
    done += static_cast<size_t>(count);
  }
  return Napi::Number::New(env, static_cast<double>(done));
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
  const Napi::Env env = info.Env();
  const auto target = toTarget(info);
  if (!target) return env.Undefined();
  const int fd = openInRoot(target->root, target->path, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0) return absentOr(info, "openat2", target->path);
  std::vector<std::string> names;
  if (!readNames(fd, names)) return checked(env, -1, "readdir", target->path);
  // Compares bytes: char_traits<char> compares as unsigned char.
  std::sort(names.begin(), names.end());
  Napi::Array list = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < names.size(); i++) list.Set(i, toText(env, names[i]));
  return list;
}

// readInRoot(root, paths, maxBytes) → a Buffer for each path, or undefined if there is no regular file that can be read
Napi::Value readInRoot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto root = toUint32(info[0], "root descriptor"), maxBytes = toUint32(info[2], "maxBytes");
  if (!root || !maxBytes) return env.Undefined();
  if (!info[1].IsArray()) {
    Napi::TypeError::New(env, "readInRoot(root, paths, maxBytes)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Array paths = info[1].As<Napi::Array>();
  Napi::Array found = Napi::Array::New(env, paths.Length());
  std::string data;
  for (uint32_t at = 0; at < paths.Length(); at++) {
    const auto path = toBytes(paths.Get(at), "path");
    if (!path) return env.Undefined();
    if (readHead(static_cast<int>(*root), *path, *maxBytes, data)) {
      found.Set(at, Napi::Buffer<char>::Copy(env, data.data(), data.size()));
    } else {
      found.Set(at, env.Undefined());
    }
  }
  return found;
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
