// Extended attributes of one object for another (xattr(7)), access control lists among them.
#pragma once

#include <string>
#include <vector>

namespace uchroot {

// An object is named by a descriptor, or, where an O_PATH descriptor cannot be asked, by a path through /proc.
struct Attributed {
  int fd = -1;
  std::string path;
};

class AttributeCopier {
 public:
  struct Outcome {
    int error = 0;               // of an attribute that could not be copied; the others are
    bool lostAcl = false;        // the access control list was among those
    bool hasCapabilities = false;
  };
  // `source` is opened already: a path of it leads to the object itself, one of `target` to its name.
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

// The lists that a new directory has from the one in which it was made would go to all that is made in it (acl(5)).
void removeInheritedAcls(int directory);

}  // namespace uchroot
