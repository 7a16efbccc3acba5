// Further work of the process that waits for a launch with limits: it reports which limit has ended the program, and removes its cgroup.
// Raw system calls only.
#pragma once

#include <stdint.h>

#include "../plan/interpreter.h"
#include "../cgroup/cgroup.h"
#include "clock.h"

namespace uchroot {

// A limit that can end a program, in the order of lib/launch/process/limit.ts, which has the words.
enum LimitKind : int { kMemory, kPids, kTime, kCpuTime, kFileSize, kDisk, kInodes, kCall, kLimits };

// The exit status of a program whose time was over, as timeout(1) has it.
constexpr int kTimeIsOver = 124;

struct LimitWatch : Watch {
  CgroupRecipe recipe;         // without bytes if there is no cgroup
  const char* words[kLimits];  // what to tell of each limit; nullptr: nothing
  const char* lockFd;          // digits of the descriptor that holds the launch's own id; nullptr: none
  const char* killSignal;      // digits of the signal at the end of the time
  const char* result;          // digits of the descriptor that gets the account of the end
  long resultFd;               // the same, or -1
  int64_t startUs;             // when the launch began, on CLOCK_MONOTONIC
  long recordFd;               // where an init tells how its program has ended, or -1
  int64_t cpuUs;               // the limit of time on a CPU, or 0
  const char* cpus;            // how many CPUs there are; nullptr: the kernel alone limits the CPU time, for each process
  bool hasTime;                // whether there is a limit of time
  Clock clock;                 // of a launch with a limit of time, or of CPU time that a cgroup counts
};

// Ends the program and what it has started, as its clock could not be started.
[[noreturn]] void endUnwatched(LimitWatch* watch, long child, long error);

// The environment of the process says what to tell and what to remove. It is a sequence of strings:
//   N…, 1…, 2…, =…    a recipe of native/cgroup/cgroup.h; the first string has the whole name of the cgroup; or none
//   a…, b…            the words for the limit of this letter: a for the first one
//   L…                the descriptor that holds the launch's own id
//   K…                the signal at the end of the time
//   S…                LimitWatch.startUs
//   D…                Watch.reporterPid
//   R…                the descriptor that gets the account of the end (result.h)
//   C…                LimitWatch.cpus
// `space` is as large as sizeOfStrings() says.
LimitWatch readWatch(const char* const* environment, char* space);
uint64_t sizeOfStrings(const char* const* strings);

}  // namespace uchroot
