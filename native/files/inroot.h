// File operations beneath a directory. Links never lead out of it.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace uchroot {


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
