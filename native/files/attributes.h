// Extended attributes of one object for another (xattr(7)), access control lists among them.
#pragma once

#include <string>
#include <vector>

namespace uchroot {

// An object with attributes: a descriptor, or a path through /proc, since an O_PATH descriptor cannot be asked.
struct Attributed {
  int fd = -1;
  std::string path;
};

class AttributeCopier {
 public:
  struct Outcome {
    int error = 0;               // of an attribute that could not be copied; all others were
    bool lostAcl = false;        // the access control list was among those
    bool hasCapabilities = false;
  };
  // A path of `source` leads to the object itself, also if that is a link; a path of `target` to its name.
  Outcome copy(const Attributed& source, const Attributed& target, bool withCapabilities);

 private:
  std::vector<char> names_;
  std::vector<char> value_;
};

// File capabilities of one file for another (capabilities(7)); a file that has none is fine. False with errno, of which `call`
// was the call.
bool copyCapabilities(int source, int target, const char*& call);

bool hasAccessAcl(int fd);

// Whether the default access control list of a directory lets others than the owner write what is made in it (acl(5)).
bool hasLooseDefaultAcl(int directory);

// Removes the lists that a new directory has inherited. Everything made in it would inherit them too (acl(5)).
void removeInheritedAcls(int directory);

}  // namespace uchroot
