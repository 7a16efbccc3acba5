// Copies and removes whole directory trees on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace uchroot {

// The thread counts and the event loop reads; the event loop sets `aborted` and the thread reads.
struct TreeProgress {
  std::atomic<bool> aborted = false;
  std::atomic<uint64_t> files = 0;  // regular ones, by name
  std::atomic<uint64_t> directories = 0;
  std::atomic<uint64_t> links = 0;  // symbolic ones
  std::atomic<uint64_t> nodes = 0;  // devices and fifos
  std::atomic<uint64_t> sizeBytes = 0;
};

// Paths are bytes as the tree's own root sees them: "/" and what is below.
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
  std::vector<SkippedEntry> skipped;  // the first of them
  uint64_t skippedCount = 0;
};

using PathSet = std::unordered_set<std::string>;

// Copies everything in the directory `source` into the empty directory `target`, and then owner, mode, times and attributes of
// the directory itself. Privileges (set-user-ID, set-group-ID and file capabilities) are copied only for the paths in
// `privileged`.
TreeReport copyTree(int source, int target, const PathSet& privileged, TreeProgress& progress);

// Removes a directory with everything in it. Its entry `last` is removed last; none if `last` is empty.
TreeReport removeTree(int parent, const std::string& name, const std::string& last, TreeProgress& progress);

}  // namespace uchroot
