// Walks to a directory one component at a time, each by descriptor, and collects the facts that lib/trust judges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace uchroot {

struct PathFacts {
  // One object on the way, seen through a descriptor and not by name.
  struct Component {
    std::string path;
    // Index of the directory in which it is an entry; -1 for the first one, and for what `..` led to.
    int parent;
    uint32_t mode, uid, gid;
    std::string link;  // where a symbolic link leads
    std::string acl;   // system.posix_acl_access, raw, if group bits stand for one
    bool operator==(const Component&) const = default;
  };
  std::vector<Component> components;
  bool isHostRoot = false;  // the way leads to the directory that is `/` here, by whatever name
  int error = 0;            // of the walk
  std::string place;        // where it ended
  bool operator==(const PathFacts&) const = default;
};

// system.posix_acl_access of what an O_PATH descriptor is of, if it can make a difference to who can write; else nothing. False,
// with errno, if there may be a list and it could not be read.
bool readAcl(int fd, uint32_t mode, std::string& acl);

// Walks to a directory as the kernel would: what was looked at is what is used, whatever happens to the names meanwhile.
// Returns its O_PATH descriptor, or -1.
int walkTo(PathFacts& facts, const std::string& path);

}  // namespace uchroot
