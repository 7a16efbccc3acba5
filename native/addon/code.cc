// readCode, mapFile: read the scripts of this package for a command. The first use of fs.readFileSync would cost its start ten times
// as much.

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

// Maps a whole file for the life of the process: unmapping would interrupt each of Node's threads, and memory for a copy costs more
// than the mapping.
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

// JS must not write to it: the pages are read-only.
Napi::Buffer<char> toBuffer(Napi::Env env, const char* start, size_t size) {
  return Napi::Buffer<char>::New(env, const_cast<char*>(start), size);
}

// V8 itself compares only the length of the script, its own version and its flags. A cache is code, so it is used only if it has the
// script's owner, nobody else may write to it, and it ends in the hash of the script (scripts/code-cache.mjs). Times do not tell: npm
// unpacks files in any order.
bool belongs(const Mapping& cache, const Mapping& script) {
  uint64_t hash;
  if (cache.start == nullptr || cache.size() < sizeof hash) return false;
  if (cache.status.st_uid != script.status.st_uid || (cache.status.st_mode & (S_IWGRP | S_IWOTH))) return false;
  std::memcpy(&hash, cache.start + cache.size() - sizeof hash, sizeof hash);
  return hash == xxh64(reinterpret_cast<const uint8_t*>(script.start), script.size(), 0);
}

// readCode(path, cachePath) → {source, cache?}: the script, which is ASCII, and its code cache, if it belongs to the script
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

// mapFile(path) → its bytes. They are read from disk when they are used, even if the path has changed.
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
