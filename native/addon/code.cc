// readCode and mapFile read this package's scripts for a command. The first call of fs.readFileSync would take ten times as long.

#include "init.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "values.h"
#include "../compiled/xxh64.h"

namespace uchroot {
namespace {

struct Mapping {
  const char* start = nullptr;
  struct stat status = {};
  size_t size() const { return static_cast<size_t>(status.st_size); }
};

// Maps a whole file until the process ends. Unmapping would interrupt all of Node's threads, and copying would take longer than
// mapping.
Mapping openMapping(const std::string& path, int flags) {
  Mapping mapping;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return mapping;
  if (fstat(fd, &mapping.status) == 0 && S_ISREG(mapping.status.st_mode) && mapping.status.st_size > 0) {
    void* start = mmap(nullptr, mapping.size(), PROT_READ, MAP_PRIVATE | flags, fd, 0);
    if (start != MAP_FAILED) mapping.start = static_cast<const char*>(start);
  }
  close(fd);
  return mapping;
}

// The pages are read-only: if JS writes to the buffer, the process crashes.
Napi::Buffer<char> toBuffer(Napi::Env env, const char* start, size_t size) {
  return Napi::Buffer<char>::New(env, const_cast<char*>(start), size);
}

// Seed of the hash: the time and the size of the executable. V8 takes a cache of another build of its version, and the process
// then crashes: Node 20.19.0 with a cache of 20.20.2.
uint64_t executableSeed() {
  struct stat status;
  if (stat("/proc/self/exe", &status) < 0) return 0;
  const uint64_t seconds = static_cast<uint64_t>(status.st_mtim.tv_sec);
  return seconds * 1'000'000'000 + static_cast<uint64_t>(status.st_mtim.tv_nsec) + static_cast<uint64_t>(status.st_size);
}

// V8 checks only the length of the script, its own version and its flags. A cache is code, so it must have the script's owner, no
// other user may be able to write to it, and it must end in the script's hash for this executable (scripts/code-cache.mjs).
// Modification times of the files are not compared: npm unpacks files in any order.
bool belongs(const Mapping& cache, const Mapping& script) {
  uint64_t hash;
  if (cache.start == nullptr || cache.size() < sizeof hash) return false;
  if (cache.status.st_uid != script.status.st_uid || (cache.status.st_mode & (S_IWGRP | S_IWOTH))) return false;
  std::memcpy(&hash, cache.start + cache.size() - sizeof hash, sizeof hash);
  return hash == xxh64(reinterpret_cast<const uint8_t*>(script.start), script.size(), executableSeed());
}

// readCode(path, cachePath) → {source, cache?}: the ASCII script, and its code cache if there is a valid one
Napi::Value readCode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = toBytes(info[0], "path"), cachePath = toBytes(info[1], "cachePath");
  if (!path || !cachePath) return env.Undefined();
  const Mapping script = openMapping(*path, MAP_POPULATE);
  if (script.start == nullptr) return checked(env, -1, "open", *path);
  Napi::Object object = Napi::Object::New(env);
  napi_value source = nullptr;
  if (napi_create_string_latin1(env, script.start, script.size(), &source) != napi_ok) return env.Undefined();
  object.Set("source", source);
  const Mapping cache = openMapping(*cachePath, MAP_POPULATE);
  if (belongs(cache, script)) object.Set("cache", toBuffer(env, cache.start, cache.size() - sizeof(uint64_t)));
  return object;
}

// mapFile(path) → the file's bytes. They are read from disk when they are used, even if the path leads to another file by then.
Napi::Value mapFile(const Napi::CallbackInfo& info) {
  const auto path = toBytes(info[0], "path");
  if (!path) return info.Env().Undefined();
  const Mapping mapping = openMapping(*path, 0);
  if (mapping.start == nullptr) return checked(info.Env(), -1, "open", *path);
  return toBuffer(info.Env(), mapping.start, mapping.size());
}

}  // namespace

void initCode(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New<mapFile>(env, "mapFile"));
  exports.Set("readCode", Napi::Function::New<readCode>(env, "readCode"));
}

}  // namespace uchroot
