// The account of a program's end, as one JSON object in a file that was made before the launch (uchroot --result). Raw system calls only.
#pragma once

#include <stdint.h>

namespace uchroot {

struct EndAccount {
  int status;           // wait status
  bool isTimeOver;      // a limit of time has ended it
  bool isKilled;        // uchroot or the kernel has killed a process of it for a limit
  const char* limit;    // the name of the limit that has ended it, or nullptr
  const char* message;  // the same in words, or nullptr
  int64_t wallUs, userUs, systemUs, cpuUs;
  bool isCpuOfAll;      // counted by a cgroup, for all processes
  int64_t voluntary, forced;           // context switches
  int64_t blocksIn, blocksOut;         // of 512 bytes (getrusage(2))
  int64_t largestKib;                  // resident, of one process; -1: not known
  int64_t peakBytes, oomKills, forks;  // -1: not counted
  int64_t isLeft;                      // other processes were there at the end; -1: not known
};

// Replaces what is in the file. It fails if the file system does. For standard error it is one line for people, with the same keys.
void writeResult(long fd, const EndAccount& account);

}  // namespace uchroot
