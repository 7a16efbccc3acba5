// Copies extended attributes; see attributes.h.

#include "attributes.h"

#include <linux/limits.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace uchroot {
namespace {

constexpr const char* kAccess = "system.posix_acl_access";
constexpr const char* kDefault = "system.posix_acl_default";
constexpr const char* kCapability = "security.capability";

ssize_t list(const Attributed& object, std::vector<char>& names) {
  return object.path.empty() ? flistxattr(object.fd, names.data(), names.size())
                             : listxattr(object.path.c_str(), names.data(), names.size());
}

ssize_t get(const Attributed& object, const char* name, std::vector<char>& value) {
  return object.path.empty() ? fgetxattr(object.fd, name, value.data(), value.size())
                             : getxattr(object.path.c_str(), name, value.data(), value.size());
}

int set(const Attributed& object, const char* name, const std::vector<char>& value, size_t size) {
  return object.path.empty() ? fsetxattr(object.fd, name, value.data(), size, 0)
                             : lsetxattr(object.path.c_str(), name, value.data(), size, 0);
}

}  // namespace

AttributeCopier::Outcome AttributeCopier::copy(const Attributed& source, const Attributed& target,
                                               bool withCapabilities) {
  names_.resize(XATTR_LIST_MAX);
  value_.resize(XATTR_SIZE_MAX);
  Outcome outcome;
  const ssize_t size = list(source, names_);
  // EOPNOTSUPP: the file system has no attributes. ENOENT: /proc is not mounted, so an O_PATH descriptor cannot be read.
  if (size < 0 && errno != EOPNOTSUPP && errno != ENOENT) outcome.error = errno;
  for (const char* name = names_.data(); name < names_.data() + size; name += std::strlen(name) + 1) {
    if (std::strcmp(name, kCapability) == 0) {
      outcome.hasCapabilities = true;
      if (!withCapabilities) continue;
    }
    const ssize_t length = get(source, name, value_);
    if (length < 0 && errno == ENODATA) continue;  // removed since it was listed
    if (length >= 0 && set(target, name, value_, static_cast<size_t>(length)) == 0) continue;
    outcome.error = errno;
    if (std::strcmp(name, kAccess) == 0) outcome.lostAcl = true;
  }
  return outcome;
}

ssize_t readCapabilities(int fd, char (&value)[kCapabilityBytes]) {
  return fgetxattr(fd, kCapability, value, sizeof value);
}

bool copyCapabilities(int source, int target, const char*& call) {
  char value[kCapabilityBytes];
  call = "fgetxattr";
  const ssize_t size = readCapabilities(source, value);
  if (size < 0) return errno == ENODATA || errno == EOPNOTSUPP;
  call = "fsetxattr";
  return fsetxattr(target, kCapability, value, static_cast<size_t>(size), 0) == 0;
}

bool hasAccessAcl(int fd) {
  return fgetxattr(fd, kAccess, nullptr, 0) >= 0;
}

bool hasLooseDefaultAcl(int fd) {
  // A version of 4 bytes, then entries of 8 bytes: tag, permissions, id (linux/posix_acl_xattr.h, little-endian).
  constexpr uint16_t owner = 0x01, mask = 0x10, other = 0x20, write = 2;
  std::vector<uint8_t> list(256);
  ssize_t size = fgetxattr(fd, kDefault, list.data(), list.size());
  if (size < 0 && errno == ERANGE) {
    list.resize(XATTR_SIZE_MAX);
    size = fgetxattr(fd, kDefault, list.data(), list.size());
  }
  const auto word = [&](size_t at) { return static_cast<uint16_t>(list[at] | list[at + 1] << 8); };
  bool isMasked = false;
  bool isNamed = false;
  for (size_t at = 4; size >= 0 && at + 8 <= static_cast<size_t>(size); at += 8) {
    const uint16_t tag = word(at);
    const bool canWrite = (word(at + 2) & write) != 0;
    if (tag == other && canWrite) return true;
    if (tag == mask && !canWrite) isMasked = true;
    if (tag != owner && tag != mask && tag != other && canWrite) isNamed = true;
  }
  return isNamed && !isMasked;
}

void removeInheritedAcls(int directory) {
  // If there is no list, nothing has to be removed.
  (void)fremovexattr(directory, kAccess);
  (void)fremovexattr(directory, kDefault);
}

}  // namespace uchroot
