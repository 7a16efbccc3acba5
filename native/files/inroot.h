// File operations beneath a directory. Links never lead out of it.
#pragma once

#include <napi.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace uchroot {

// The calls of inroot.cc and look.cc only read. Those of entries.cc change a directory's entries. Each takes the directory as a
// descriptor, and a path as seen from that directory's root. It throws like Node's own fs: code, errno, syscall, path.
void initInRoot(Napi::Env env, Napi::Object exports);
void initLook(Napi::Env env, Napi::Object exports);
void initEntries(Napi::Env env, Napi::Object exports);

struct Target {
  int root;
  std::string path;
};

// The arguments root and path of a call. Throws a JS error and returns nothing if they are invalid.
std::optional<Target> toTarget(const Napi::CallbackInfo& info, size_t pathIndex = 1);

// openat2(2) with RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS and O_CLOEXEC: -1 with errno.
int openInRoot(int root, const std::string& path, uint64_t flags, uint64_t mode, uint64_t resolve = 0);

// Opens a regular file for reading, and never waits. Follows links unless `resolve` has RESOLVE_NO_SYMLINKS. Returns -1 with errno,
// and `call` names the failed call. EISDIR or EINVAL: not a regular file.
int openRegular(int root, const std::string& path, struct stat& status, const char*& call, uint64_t resolve = 0);

// Reads the first bytes of a regular file, links followed. False if it cannot be read.
bool readHead(int root, const std::string& path, size_t maxBytes, std::string& data);

// Reads the target of a link that was opened with O_PATH. False with errno.
bool readLink(int fd, std::string& target);

}  // namespace uchroot
