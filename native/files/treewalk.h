// What walks through a hostile tree have in common. The tree may change under the walk at any time: nothing here
// follows a link, crosses a mount or waits, and no path is ever put together.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

namespace uchroot {

// Opens an entry of a directory, close-on-exec: ELOOP for a symbolic link (unless O_PATH asks for the link itself),
// EXDEV for what something is mounted on, EAGAIN for what somebody holds a lease on.
int openEntry(int directory, const char* name, int flags);

bool isSame(const struct stat& a, const struct stat& b);

// A directory's entries, batch by batch.
class Listing {
 public:
  struct Entry {
    uint64_t inode;
    unsigned char type;  // DT_…
    const char* name;
  };
  Listing();
  // The next entries but `.` and `..`; none at the end, and none with `failed()` after an error.
  const std::vector<Entry>& next(int directory);
  bool failed() const { return failed_; }

 private:
  std::vector<char> buffer_;
  std::vector<Entry> entries_;
  bool failed_ = false;
};

// The directories from a tree's root down to where a walk is. However deep that is, only the root and the deepest of
// them are open; the others are opened again on the way back, and it is seen to that they are the same.
class Trail {
 public:
  // Owns the root, and later what is entered.
  explicit Trail(int root);
  Trail(const Trail&) = delete;
  Trail& operator=(const Trail&) = delete;
  ~Trail();
  int here() const { return places_.back().fd; }  // -1 if it can no longer be found
  size_t depth() const { return places_.size() - 1; }
  const std::string& name() const { return places_.back().name; }
  void enter(int directory, const char* name);
  void leave();
  // Of an entry of the directory that the walk is in; of the directory itself if there is no name.
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

// The names of a level's directories that the walk has yet to go into.
class Pending {
 public:
  void add(const char* name) { names_.append(name).push_back('\0'); }
  bool empty() const { return next_ == names_.size(); }
  // Valid until the next call of add.
  const char* take();
  void clear();

 private:
  std::string names_;  // one after the other, each with its NUL: there may be a million
  size_t next_ = 0;
};

}  // namespace uchroot
