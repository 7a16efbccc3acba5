// Copies and removes whole directory trees, each on its own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace uchroot {

// The thread writes the counts and the event loop reads them. The event loop sets `aborted` and the thread reads it.
struct TreeProgress {
  std::atomic<bool> aborted = false;
  std::atomic<uint64_t> files = 0;  // names of regular files
  std::atomic<uint64_t> directories = 0;
  std::atomic<uint64_t> links = 0;  // symbolic links
  std::atomic<uint64_t> nodes = 0;  // devices and fifos
  std::atomic<uint64_t> sizeBytes = 0;
};

// Paths are bytes, as seen from the tree's root: "/" and below.
struct TreeFailure {
  int error = 0;  // an errno; ECANCELED if it was aborted
  const char* call = "";
  std::string path;
  bool inTarget = false;
};

struct SkippedEntry {
  std::string path;
  const char* reason = "";
  int error = 0;
};

struct TreeReport {
  TreeFailure failure;
  std::vector<SkippedEntry> skipped;  // the first ones
  uint64_t skippedCount = 0;
};

using PathSet = std::unordered_set<std::string>;

// Copies all entries of the directory `source` into the empty directory `target`, and then owner, mode, times and attributes of
// the directory itself. Privileges (set-user-ID, set-group-ID and file capabilities) are copied only for the paths in
// `privileged`.
TreeReport copyTree(int source, int target, const PathSet& privileged, TreeProgress& progress);

// Removes a directory and all its entries. The entry `last` is removed last; if `last` is empty, there is no such entry.
TreeReport removeTree(int parent, const std::string& name, const std::string& last, TreeProgress& progress);

}  // namespace uchroot
