// Runs a plan. See plan.h for the format.
#pragma once

#include "plan.h"

struct rusage;  // linux/resource.h

namespace uchroot {

// A unix socket with an abstract name, made before Landlock confines the process: the process can send to it until then.
struct Probe {
  int fd;
  uint8_t address[8];  // family, NUL, five digits (unix(7), "Autobind feature")
};

// The interpreter needs these of the calling process.
struct PlanContext {
  int jailFd;  // the verified jail directory (O_PATH | O_DIRECTORY)
  // Known only when a compiled launcher starts.
  int listenFds = 0;                         // number of descriptors passed to the launcher, from 3 on (sd_listen_fds(3))
  const char* const* environment = nullptr;  // replaces the plan's environment
  int statusFd = -1;                         // of a launcher: PHASE_EXECUTE is written to it before execve
  int seedFd = -1;                           // a mount namespace to copy in place of the caller's
  int networkFd = -1;                        // an unused network namespace to join in place of a new one
  int spacesFd = -1;                         // the first of the descriptors of kept namespaces, one after the other
  int ownSpacesFd = -1;                      // the directory of this process's namespaces
  int goFd = -1;                             // one byte arrives when the parent is ready (awaitParent)
  int64_t mostStartMs = 0;                   // of an init: kills the program if that byte is not there after this time; 0: never
  int mapFd = -1;                            // of a socket by which OP_MAP_IDS asks
  int outboundFd = -1;                       // of a socket by which the service gets those of OP_HAND_SOCKETS, and the listener of OP_SECCOMP
  bool tellsEnd = false;                     // of an init: PHASE_ENDED is written to statusFd
  bool sharesMemory = false;                 // of an init: its child shares its memory until execve
  bool hasThreads = false;                   // other threads use descriptors: this process closes none while it waits
  volatile PlanFailure* progress = nullptr;  // of a rehearsal: the step that is running; execve is skipped
  // State of the run.
  int* trees = nullptr;  // kMaxTrees detached mount trees, by slot; a plan opens each before it uses it
  uint64_t forbidden = 0;  // attributes of the host's mount of an ephemeral jail, which no later step may clear
  int lockFd = -1;         // the lock on the directory of an overlay, held until this process ends
  int* watched = nullptr;  // kMostWatched descriptors of file systems whose free space is read when the program has ended
  uint32_t watchedCount = 0;
  bool isTimeOver = false;  // after mostStartMs
  long nullFd = -1;      // the null device that replaced the first closed one of 0 to 2
  int rulesetFd = -1;    // of Landlock, while rules are added
  Probe probe = {};
  long textFd = -1;        // the file system of OP_TEXT_FILE, until OP_COVER_FILE
  bool lacksRules = false;  // the kernel has none that lead connections to one socket (OP_NETLINK)
  bool isHeard = false;   // the filter has a listener, which was sent to outboundFd
  bool isSeeded = false;  // the mount namespace is a copy of that of seedFd
  bool isRootless = false;  // this process is in a user namespace of the launch
  bool isChild = false;  // this process was forked between two stages; statusFd leads to its parent
};

// True if the whole plan is well formed: sizes, op numbers and data sizes are valid, strings end in NUL, execve is last.
bool checkPlan(const void* plan, uint32_t sizeBytes);

// Runs one step of a checked plan. Returns 0 or a negative errno, and sets `detail` as in PlanFailure.detail.
long runStep(void* plan, PlanStep* step, PlanContext& context, uint32_t* detail);

// Runs all steps of a checked plan, each stage in its own process. It returns only in the calling process: with the failure of a
// step, or after a rehearsal with PHASE_EXECUTE and no error.
PlanFailure runPlan(void* plan, PlanContext& context);

// A descriptor of a file system in memory that is mounted nowhere, and can only be read, with a null device: kNullInTree. With the host's,
// root inside could change its mode and its times, and lock it. Or a negative errno.
long makeNullTree();
constexpr const char* kNullInTree = "dev/null";
// The sticky bit has no meaning for a device: it tells this one from others.
constexpr uint32_t kNullMode = 01666;

// Further work of a process that waits for a program: native/launcher/limitwatch.h.
struct Watch {
  // The child has ended with this wait status (wait(2)) and was reaped; the usage is that of it and of those that it has reaped. Returns
  // the exit status of this process.
  int (*end)(Watch* watch, int status, const rusage& usage);
  uint64_t signals = 0;  // that this process has got: signal N is bit N - 1
  // The writing end of a pipe for which watchReader() was called. This process ends when nobody has the reading end any more. -1: none.
  int readFromFd = -1;
  long clockPid = -1;  // of a child that ends the program when its time is over, or -1
  bool isUnwatched = false;  // that child was killed, or stopped
  long reporterPid = -1;     // of a child that reports what the program is denied, and ends after it; or -1
  bool isUnreported = false;  // that child has ended before: then calls of the program fail, and it is ended
};

// Work of a process that waits for a program, for the program's terminal: native/launcher/relay.h.
struct Console {
  // Passes on what is typed and shown, until a signal is pending.
  void (*await)(Console* console);
  // Whether this process keeps the signal for itself.
  bool (*keeps)(Console* console, long signal);
  // Gives the caller's terminal back, stops this process, and takes the terminal again when it is continued.
  void (*stop)(Console* console);
  // The program has ended: passes on the rest, and gives the terminal back.
  void (*end)(Console* console);
};

// The exit status of a process that stands for a program with this wait status: 128 and the signal, as a shell has it.
int exitStatusOf(int waitStatus);

// Waits for a child of this process, forwards signals to it, and ends with its status, or as `watch` says. All signals must be
// blocked.
[[noreturn]] void endAs(long child, Watch* watch = nullptr, Console* console = nullptr);

}  // namespace uchroot
