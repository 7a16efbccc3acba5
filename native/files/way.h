// Walks a path one component at a time, each by descriptor, and collects the facts that lib/trust judges.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace uchroot {

struct PathFacts {
  // One object of the path, read through its descriptor.
  struct Component {
    std::string path;
    // Index of the parent directory; -1 for the first component and for the result of `..`.
    int parent;
    uint32_t mode, uid, gid;
    std::string link;  // target of a symbolic link
    std::string acl;   // system.posix_acl_access as bytes, if the group bits are a list's mask
    bool operator==(const Component&) const = default;
  };
  std::vector<Component> components;
  bool isHostRoot = false;  // the path leads to this process's root directory, under any name
  int error = 0;            // errno of the walk
  std::string place;        // the path where the walk ended
  bool operator==(const PathFacts&) const = default;
};

// Whether an access control list may give rights that not all users have: the group bits are its mask (acl(5)).
constexpr bool canHaveAcl(uint32_t mode) {
  return !S_ISLNK(mode) && (mode & S_IRWXG & ~(mode << 3)) != 0;
}

// Reads system.posix_acl_access of an O_PATH descriptor's object, if canHaveAcl. False with errno if it could not be read, as without
// a /proc in a jail, and may let somebody write: the mask has no more than the group bits.
bool readAcl(int fd, uint32_t mode, std::string& acl);

// Resolves a path like the kernel. It returns the O_PATH descriptor of the directory that it inspected, even if names change
// meanwhile; -1 on failure.
// With `endsInEntry` the path may lead to a file of any kind. After a failure the last component is the directory that lacks an entry.
int walkTo(PathFacts& facts, const std::string& path, bool endsInEntry = false);

}  // namespace uchroot
