// Copies extended attributes (xattr(7)), including access control lists, from one object to another.
#pragma once

#include <string>
#include <vector>

namespace uchroot {

// An object with attributes: a descriptor, or a path through /proc, because an O_PATH descriptor has no attributes.
struct Attributed {
  int fd = -1;
  std::string path;
};

class AttributeCopier {
 public:
  struct Outcome {
    int error = 0;               // the errno of an attribute that could not be copied; all others were copied
    bool lostAcl = false;        // the access control list was not copied
    bool hasCapabilities = false;
  };
  // A path in `source` leads to the object itself, even if it is a link. A path in `target` leads to its name.
  Outcome copy(const Attributed& source, const Attributed& target, bool withCapabilities);

 private:
  std::vector<char> names_;
  std::vector<char> value_;
};

// Copies file capabilities (capabilities(7)). A file without any is no error. On failure it returns false with errno, and `call`
// names the failed call.
bool copyCapabilities(int source, int target, const char*& call);

constexpr size_t kCapabilityBytes = 64;  // struct vfs_ns_cap_data has 24 bytes

// The attribute, as the kernel keeps it. Returns its size, or -1 with errno (fgetxattr(2)).
ssize_t readCapabilities(int fd, char (&value)[kCapabilityBytes]);

bool hasAccessAcl(int fd);

// Whether a directory's default access control list lets other users write to new files in it (acl(5)).
bool hasLooseDefaultAcl(int directory);

// Removes the lists that a new directory has inherited, because new entries would inherit them too (acl(5)).
void removeInheritedAcls(int directory);

}  // namespace uchroot
