// Whole directory trees, by descriptor: copied, removed. Plain C++; the Node-API surface is treework.cc.
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <vector>

namespace uchroot {

// What another thread may look at, and how it ends the work.
struct TreeProgress {
  std::atomic<uint64_t> files{0};
  std::atomic<uint64_t> directories{0};
  std::atomic<uint64_t> bytes{0};
  std::atomic<bool> aborted{false};
};

// Where it failed; `error` 0 if it did not. ECANCELED if it was aborted.
struct TreeFailure {
  int error = 0;
  const char* call = "";
  std::string path;
};

// What was left out; of very many only the first, since a hostile tree must not fill our memory.
struct Skipped {
  struct Entry {
    std::string path;
    const char* why;
  };
  std::vector<Entry> first;
  uint64_t count = 0;
};

struct CopyOptions {
  // Paths from the top, with a slash in front, that keep set-user-ID, set-group-ID and file capabilities.
  std::set<std::string> keepPrivileges;
};

// Copies everything beneath one directory into another, empty one: content, owners, modes, times, extended attributes, links
// and hard links among each other. No link is followed, and nothing that is mounted beneath is entered.
TreeFailure copyTree(int source, int target, const CopyOptions& options, TreeProgress& progress,
                     Skipped& skipped);

// Removes everything beneath a directory. `last`, a name in it, goes at the end: what is left of an interrupted removal is
// still known by it. EXDEV if something is mounted beneath.
TreeFailure emptyTree(int directory, const std::string& last, TreeProgress& progress);

}  // namespace uchroot
