// One cgroup for each launch with limits (cgroups(7)). Raw system calls only, so that the static launcher can use it too.
//
// The data of its step in the plan says what to make. It is a sequence of strings, each with a zero byte:
//   2PATH or 1PATH   begins a hierarchy of cgroup v2 or v1: the directory in which the launch's own cgroup is made
//   =FILE=TEXT       written to a file of the new cgroup
//   ?FILE=TEXT       the same, unless the kernel has no such file
//   <SLOTFILE        read after the end: a number for CgroupUse.numbers[SLOT]; the file is this number alone
//   <SLOTFILE:KEY    the same, from the line `KEY NUMBER` of the file
//   !FILE=TEXT       written before the processes of a v1 cgroup are killed: it stops forks
#pragma once

#include <stdint.h>

namespace uchroot {

constexpr int kMostHierarchies = 8;

// The work, and the name of the launch's own cgroup in each hierarchy.
struct CgroupRecipe {
  const char* data;
  uint32_t bytes;
  const char* name;
  // Of each hierarchy in turn: its directory, opened, or -1 to go by path. nullptr: all by path.
  const int* directoryFds = nullptr;
};

// Open while the launch begins.
struct CgroupEntry {
  int bornFd = -1;                  // directory in cgroup v2, for CLONE_INTO_CGROUP
  int taskFds[kMostHierarchies];    // files `tasks` in cgroup v1: a single-threaded process writes "0" there
  int tasks = 0;
};

// The slots of CgroupUse: processes that the kernel has killed for want of memory, refused forks, most memory, CPU time in one of two
// units, and its two parts.
enum CgroupSlot : int { kOomKills, kRefusedForks, kPeakBytes, kCpuUs, kCpuNs, kUserUs, kSystemUs, kCgroupNumbers };

// The counts of a cgroup; -1 where nothing was read.
struct CgroupUse {
  int64_t numbers[kCgroupNumbers];
  bool isLeft = false;  // processes were in it when the program had ended
};

// Each returns 0 or a negative errno. `detail` gets the index of the string that failed.

// Makes the cgroup in each hierarchy and opens the entry. If something fails, nothing is left.
long makeCgroup(const CgroupRecipe& recipe, CgroupEntry* entry, uint32_t* detail);
void closeCgroup(CgroupEntry* entry);

// Sends SIGKILL to all processes in it. In cgroup v1, processes that fork faster than this can outlast it, so it is repeated.
void killCgroup(const CgroupRecipe& recipe);

void readCgroup(const CgroupRecipe& recipe, CgroupUse* use);

// CPU time of all its processes in microseconds; negative if it was not counted.
int64_t cpuUsOf(const CgroupUse& use);
// The same of a cgroup with processes, without its other counts.
int64_t readCpuUs(const CgroupRecipe& recipe);

// -EBUSY while a process is in it: then it is still there in each hierarchy.
long removeCgroup(const CgroupRecipe& recipe);

}  // namespace uchroot
