// File operations beneath a directory that are never led out of it, whatever links lie on the way.
#pragma once

#include <napi.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

namespace uchroot {

// The calls of inroot.cc and of look.cc only read, those of entries.cc change what is in a directory. Each takes the directory
// as a descriptor and a path as that directory's root sees it, and throws like Node's own fs: code, errno, syscall, path.
void initInRoot(Napi::Env env, Napi::Object exports);
void initLook(Napi::Env env, Napi::Object exports);
void initEntries(Napi::Env env, Napi::Object exports);

struct Target {
  int root;
  std::string path;
};

// The arguments root and path of a call. Throws and returns nothing if they are none.
std::optional<Target> toTarget(const Napi::CallbackInfo& info, size_t pathIndex = 1);

// openat2(2) with RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS and O_CLOEXEC: -1 with errno.
int openInRoot(int root, const std::string& path, uint64_t flags, uint64_t mode, uint64_t resolve = 0);

// Opens a regular file for reading and never waits. Links are followed unless `resolve` has RESOLVE_NO_SYMLINKS. -1 with errno, of
// which `call` was the call: EISDIR or EINVAL for anything else than a regular file.
int openRegular(int root, const std::string& path, struct stat& status, const char*& call, uint64_t resolve = 0);

}  // namespace uchroot
