// Parts of walks through a hostile tree, which can change at any time. No function follows links, enters mounts or waits. Entries
// are opened by name in an open directory, never by path.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace uchroot {

// Opens an entry of a directory, close-on-exec. ELOOP for a symbolic link, unless O_PATH asks for the link itself; EXDEV for a
// mount point; EAGAIN for a file with a lease.
int openEntry(int directory, const char* name, int flags);

bool isSame(const struct stat& a, const struct stat& b);

// Lists a directory in batches.
class Listing {
 public:
  struct Entry {
    uint64_t inode;
    unsigned char type;  // DT_…
    const char* name;
  };
  Listing();
  // The next entries without `.` and `..`. An empty list is the end, or an error if failed() is true.
  const std::vector<Entry>& next(int directory);
  bool failed() const { return failed_; }

 private:
  std::vector<char> buffer_;
  std::vector<Entry> entries_;
  bool failed_ = false;
};

// The directories from the root of a tree to the walk's current one. Only the root and the deepest ones stay open. The others are
// opened again on the way back, and must be the same directories.
class Trail {
 public:
  // Takes over the root and all directories that are entered.
  explicit Trail(int root);
  Trail(const Trail&) = delete;
  Trail& operator=(const Trail&) = delete;
  ~Trail();
  int here() const { return places_.back().fd; }  // -1 if it cannot be found any more
  size_t depth() const { return places_.size() - 1; }
  const std::string& name() const { return places_.back().name; }
  void enter(int directory, const char* name);
  void leave();
  // The path of an entry of the current directory, or of the directory itself without a name.
  std::string pathOf(const char* name = "") const;

 private:
  struct Place {
    int fd;
    struct stat status;
    std::string name;
  };
  int reopen(int child) const;

  std::vector<Place> places_;
};

// The subdirectories of a level that were not visited yet.
class Pending {
 public:
  void add(const char* name) { names_.append(name).push_back('\0'); }
  bool empty() const { return next_ == names_.size(); }
  // Valid until the next call of add.
  const char* take();
  void clear();

 private:
  std::string names_;  // the names, each with a NUL: there can be a million
  size_t next_ = 0;
};

}  // namespace uchroot
