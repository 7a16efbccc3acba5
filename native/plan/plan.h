// The byte format of a plan and its op numbers. lib/launch/plan (encode.ts, table.ts) must match this file.
//
// A plan is one block of memory, little endian, aligned to 8 bytes: a PlanHeader, then PlanHeader.stages stages. A stage is a
// PlanStage, then PlanStage.steps steps. A step is a PlanStep, its data, and zero bytes up to a multiple of 8.
//
// The interpreter forks between two stages. The child runs the next stage. The parent runs the steps of its own stage that have
// STEP_AFTER_FORK; the program starts when these are done. Then the parent waits for the child, and ends with the child's status.
//
// The whole block is checked before its first step runs. It is used in place: the interpreter replaces the offsets in the data of
// OP_EXECVE by pointers.
#pragma once

#include <stdint.h>

namespace uchroot {

constexpr uint32_t kPlanMagic = 0x32504355;  // "UCP2"
constexpr uint32_t kPlanMaxBytes = 64u << 20;  // larger than ARG_MAX can be (execve(2): 6 MiB)
constexpr uint32_t kPlanMaxSteps = 1u << 17;  // one step for each kept descriptor, at most 65536
constexpr uint32_t kPlanMaxStages = 8;
constexpr uint32_t kMostCpus = 8192;  // CONFIG_NR_CPUS of the largest kernels

struct PlanHeader {
  uint32_t magic;
  uint32_t sizeBytes;  // of the whole plan, this header included
  uint32_t stages;
  uint32_t flags;  // PlanFlag
};

enum PlanFlag : uint32_t {
  PLAN_USUAL = 1,   // the plan has all steps that a prepared thread runs, in their usual form
  PLAN_CLONED = 2,  // a step has STEP_CLONED
  PLAN_CGROUP = 4,  // a step has STEP_CGROUP
  PLAN_UNFILTERED = 8,  // the plan isolates, and has all steps of PLAN_USUAL but the filter: the program installs its own
  PLAN_SHARES_MEMORY = 16,  // set by the launching thread: the program's process may share the memory of its init until execve
  PLAN_NETWORK = 32,  // a step has STEP_NETWORK
};
constexpr uint32_t kPlanFlags = 63;

struct PlanStage {
  uint32_t steps;
  uint32_t reserved;  // 0
  // steps follow
};

struct PlanStep {
  uint16_t op;
  uint16_t flags;      // StepFlag
  uint32_t dataBytes;  // without the padding
  uint64_t a;
  uint64_t b;
  // data follows
};

// In `b` of OP_OPEN_TREE.
enum TreeFlag : uint64_t {
  TREE_IN_JAIL = 1ull << 32,   // the path lies in the jail, and not on the host
  TREE_IF_THERE = 1ull << 33,  // a missing path is no error
  TREE_NO_LINKS = 1ull << 34,  // no link is followed
};

// In `b` of OP_MOVE_MOUNT and OP_MOUNT.
enum MoveFlag : uint64_t {
  MOVE_IF_THERE = 1,  // no error if TREE_IF_THERE has left the slot empty
  MOVE_ENTERS = 2,    // it becomes the working directory, for the steps that fill it
  MOVE_NO_LINKS = 4,  // no link in the target is followed
  MOVE_MAKES = 8,     // a missing target is made; from bit 32 on: how many bytes of it lead to a file system of the launch
};

// The properties of a step that code outside the interpreter uses. lib/launch/plan/step.ts explains them.
enum StepFlag : uint16_t {
  STEP_INHERITED = 1,
  STEP_READ_BACK = 2,
  STEP_INITIAL = 4,
  STEP_BATCH_POLICY = 8,
  STEP_OOM_SCORE = 16,
  STEP_PROGRAM = 32,
  STEP_PARENT_PID = 64,
  STEP_OWN_PID = 128,
  STEP_DESCRIPTOR = 256,
  STEP_DONE = 512,  // skipped: the launching thread sets this flag if the step's effect is already there
  STEP_CLONED = 1024,
  STEP_AFTER_FORK = 2048,
  STEP_NETWORK = 4096,
  STEP_CGROUP = 8192,
  STEP_OUTSIDE = 16384,
  STEP_KEPT_USER = 32768,
};
constexpr uint32_t kMaxSpaces = 8;  // namespaces that a launch joins
constexpr uint32_t kMostWatched = 16;  // file systems of OP_WATCH_SPACE
constexpr uint32_t kMaxTrees = 64;  // detached mount trees that a plan holds open at the same time

// The meaning of a, b and data for each op. Fields that are not mentioned are 0 or empty.
enum Op : uint16_t {
  OP_KEYCTL_JOIN_SESSION = 1,
  OP_SETSID = 2,
  OP_UMASK = 3,                // a: mask; b: 1 sets it, 0 adds it to the caller's
  OP_RLIMIT = 4,               // a: resource; b: RlimitMode; data: soft, hard (uint64)
  OP_NICE = 5,                 // a: a lower nice value becomes this one
  OP_OOM_SCORE_ADJ = 6,        // a: a lower value becomes this one; data: the same in decimal, unless it is 0
  OP_SCHEDULER = 7,            // a realtime policy becomes SCHED_OTHER
  OP_IOPRIO = 8,               // a realtime I/O class becomes none
  OP_PERSONALITY = 9,          // a: persona
  OP_SETITIMER = 10,           // a: which timer is stopped
  OP_STDIO = 11,               // a: descriptor 0, 1 or 2: open, blocking, kept, not a directory; b: 1: if it is a null device, one on a
                               // mount of its own takes its place, as it does if it is closed
  OP_CLOSE_RANGE = 12,         // a: first descriptor that execve closes
  OP_KEEP_FD = 13,             // a: descriptor that execve keeps: open, not a directory
  OP_FCHDIR_JAIL = 14,
  OP_CHROOT = 15,              // into the working directory
  OP_CHDIR = 16,               // data: path
  OP_CAPBSET_DROP = 17,        // a: mask of the capabilities that stay; read back
  OP_CAP_AMBIENT_CLEAR = 18,
  OP_SECUREBITS = 19,          // all but locked ones are cleared
  OP_SETGROUPS = 20,           // data: gids (uint32)
  OP_SETRESGID = 21,           // a: gid
  OP_SETRESUID = 22,           // a: uid
  OP_CAPSET = 23,              // a: permitted and inheritable mask; b: effective mask
  OP_CAP_AMBIENT_RAISE = 24,   // a: mask
  OP_PRCTL = 25,               // a: option; b: second argument
  OP_SECCOMP = 26,             // a: SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW and _NEW_LISTENER, which goes to PlanContext.outboundFd;
                               // data: struct sock_filter[]
  OP_PARENT_DEATH_SIGNAL = 27, // a: signal; b: pid that must still be the parent, 0: any
  OP_VERIFY_UID = 28,          // a: real, effective, saved and fs uid
  OP_VERIFY_GID = 29,          // a: real, effective, saved and fs gid
  OP_VERIFY_GROUPS = 30,       // data: gids, ascending (uint32), then scratch space of the same size
  OP_VERIFY_CAPS = 31,         // a: permitted, inheritable and ambient mask; the effective set must be empty
  OP_VERIFY_NO_WAY_BACK = 32,  // setresuid(0, 0, 0) must fail
  OP_VERIFY_CWD = 33,          // the root directory is the jail; the working directory is inside it and may be entered
  OP_RESET_SIGNALS = 34,       // default dispositions, empty mask; a: a signal that is ignored, or 0
  OP_WRITE = 35,               // a: descriptor; data: bytes
  OP_EXECVE = 36,              // a: argc; b: envc; data: offsets from the start of the plan (uint64):
                               // program, argv…, 0, envp…, 0; then the strings
  OP_KEEP_LISTEN_FDS = 37,     // like OP_KEEP_FD, for PlanContext.listenFds descriptors from 3 on
  OP_VERIFY_SECCOMP = 38,      // a filter is in force
  OP_VERIFY_NO_NEW_PRIVS = 39,
  OP_SETPGID = 40,             // a new process group; a: 1: unless one of the descriptors 0 to 2 is a terminal
  OP_UNSHARE = 41,             // a: CLONE_NEW flags; b: 1: mounts are copied from PlanContext.seedFd, if there is one;
                               // PlanContext.networkFd takes the place of a new network namespace, if there is one
  OP_LOOPBACK_UP = 42,
  OP_SETHOSTNAME = 43,         // data: name without NUL
  OP_SYSCTL = 44,          // a: 1: of the pid namespace, and a missing file is no error; data: path, NUL, bytes
  OP_OPEN_TREE = 45,           // a: slot; b: MOUNT_ATTR flags to set, and TreeFlag; data: path, or empty: the jail directory
  OP_PIVOT_ROOT = 46,          // a: slot of the tree that becomes the root directory; all other mounts are detached. With data,
                               // the tree lies beneath an overlay; a: also its MS flags, from bit 32 on; b: slot of the directory
                               // for what is written, ~0: a tmpfs; data: option, value… of that tmpfs, and an empty string
  OP_MOVE_MOUNT = 47,          // a: slot; b: MoveFlag; data: target
  OP_MOUNT = 48,               // a: MOUNT_ATTR flags; b: MoveFlag; data: type, target, option, value… and an empty string
  OP_BIND = 49,                // a: MOUNT_ATTR flags to set; b: to clear; data: source, target
  OP_BIND_IF_THERE = 50,       // the same; a missing source or target is no error
  OP_MKDIR = 51,               // a: mode; data: path; an existing directory is no error, and a missing one above it is made
  OP_MKNOD = 52,               // a: mode; b: device number (makedev(3)); data: path
  OP_SYMLINK = 53,             // data: target, path
  OP_SETNS = 54,               // data: CLONE_NEW flag of each of the kept namespaces (uint32)
  OP_WATCH_SPACE = 55,         // data: path of a file system in memory; when the program has ended, it is reported whether this is full
  OP_LOCK_DIRECTORY = 56,      // the working directory is locked (flock(2)) until this process ends; EBUSY if it is locked
  OP_MAP_TREE = 57,            // a: slot of a tree; b: descriptor of a user namespace, which maps its ids (mount_setattr(2))
  OP_LANDLOCK_RULESET = 61,    // a: ABI that the kernel must have; b: 0, or LANDLOCK_IF_THERE; data: struct landlock_ruleset_attr
  OP_LANDLOCK_RULE = 62,       // a: access rights; b: LandlockRule; data: path, or ports (uint32)
  OP_LANDLOCK_RESTRICT = 63,   // a: 1: OP_VERIFY_LANDLOCK follows; b: as above
  OP_VERIFY_LANDLOCK = 64,     // a: 0: an abstract socket from before OP_LANDLOCK_RESTRICT is out of reach; 1: a filter refuses TCP
                               // Fast Open
  OP_SCHED_SETAFFINITY = 65,   // data: mask of CPUs (uint64), none: all; the others are taken away; a: 1: all but one
  OP_CGROUP = 66,              // data: see native/cgroup/cgroup.h; only a launching thread can perform it
  OP_OPEN_PTY = 70,            // a: uid of the terminal's owner; b: columns, rows from bit 16 on, and PtyFlag; data: directory of a
                               // devpts. Descriptor 0 is a socket, to which the master goes; the terminal takes the place of 0 to 2
  OP_CONTROLLING_TTY = 71,     // descriptor 0 becomes the terminal of this session
  OP_REOPEN_JAIL = 75,         // the working directory is the jail, in a new mount namespace
  OP_NEW_TREE = 76,            // a: slot; b: MOUNT_ATTR flags; data: type of a new file system
  OP_MAP_IDS = 77,             // waits until a process outside of the new user namespace has mapped its ids (native/namespaces/idmap.h);
                               // data: program, argument…: the first id inside, the first one outside, how many…
  OP_JOIN_USER_NAMESPACE = 78,  // a: CLONE_NEW flags of namespaces that are made in the first of the kept ones, a user namespace. Only a
                               // launching thread can perform it
  OP_OPEN_NAMESPACES = 79,     // opens the directory of this process's namespaces, while /proc is in sight
  OP_SEND_NAMESPACES = 80,     // data: names in that directory. Their descriptors go to the socket 0, and this process ends: no later
                               // step runs
  OP_NETLINK = 81,             // a: protocol; b: 1: without rules the sockets do; data: messages, of which the last is answered (netlink(7))
  OP_HAND_SOCKETS = 82,        // data: ListenSpec[]; these sockets go to PlanContext.outboundFd
  OP_COVER_FILE = 83,          // data: path of a file in the jail, whose place that of OP_TEXT_FILE takes; a missing file is no error
  OP_UNIX_DOOR = 84,           // a: slot, which gets a tree that is a socket; that goes to PlanContext.outboundFd
  OP_TEXT_FILE = 85,           // data: text
};
constexpr uint16_t kLastOp = 85;

inline uint32_t padded(uint32_t bytes) { return (bytes + 7u) & ~7u; }

inline PlanStage* firstStage(void* plan) { return reinterpret_cast<PlanStage*>(static_cast<PlanHeader*>(plan) + 1); }
inline PlanStep* firstStep(PlanStage* stage) { return reinterpret_cast<PlanStep*>(stage + 1); }
inline PlanStep* nextStep(PlanStep* step) {
  return reinterpret_cast<PlanStep*>(reinterpret_cast<uint8_t*>(step + 1) + padded(step->dataBytes));
}

// Iterates over the steps of a checked plan, through all stages.
class Steps {
 public:
  // A caller that has a const plan must not change its steps.
  explicit Steps(const void* plan)
      : stages_(static_cast<const PlanHeader*>(plan)->stages), next_(firstStage(const_cast<void*>(plan))) {}

  // The next step; nullptr after the last one.
  PlanStep* next() {
    if (left_ == 0) {
      if (stages_ == 0) return nullptr;
      stages_--;
      PlanStage* stage = static_cast<PlanStage*>(next_);
      left_ = stage->steps;
      next_ = firstStep(stage);
    }
    left_--;
    place_++;
    PlanStep* step = static_cast<PlanStep*>(next_);
    next_ = nextStep(step);
    return step;
  }

  // The index of the step that next() returned last, as in PlanFailure.step.
  uint32_t place() const { return place_ - 1; }

 private:
  uint32_t stages_;
  uint32_t left_ = 0;
  uint32_t place_ = 0;
  void* next_;
};

// A socket of OP_HAND_SOCKETS, bound to all addresses of both families. One that is no stream is told where each datagram was sent to.
struct ListenSpec {
  uint16_t type;   // SOCK_STREAM or SOCK_DGRAM
  uint16_t port;   // 0: it is not bound, and only shows the network
  uint32_t flags;  // ListenFlag
};
constexpr uint32_t kMostSockets = 64;

enum ListenFlag : uint32_t {
  LISTEN_TRANSPARENT = 1,    // a rule of the network leads connections to other ports to it
  LISTEN_WITHOUT_RULES = 2,  // only if the kernel has no such rules
};

enum RlimitMode : uint64_t {
  RLIMIT_SET = 0,       // sets both limits
  RLIMIT_CAP_SOFT = 1,  // lowers the soft limit to this value
  RLIMIT_SET_SOFT = 2,  // sets the soft limit to this value, or to the hard limit if that is lower
  RLIMIT_CAP = 3,       // lowers both limits to these values
};

// In `b` of OP_OPEN_PTY.
enum PtyFlag : uint64_t {
  PTY_OUTSIDE = 1ull << 32,  // the root directory is still the host's: the path lies in the jail directory, and if no devpts is
                             // there, the host's is taken
  PTY_TRIED = 1ull << 33,    // a rehearsal: the descriptors stay as they are
};

// In `b` of the ops of Landlock that have no rule: nothing is done if the kernel has not this ABI, or a filter of the caller refuses it.
constexpr uint64_t LANDLOCK_IF_THERE = 1;

enum LandlockRule : uint64_t {
  LANDLOCK_PATH = 0,           // everything beneath a path, none of whose components is a symbolic link
  LANDLOCK_PATH_IF_THERE = 1,  // the same; a path that does not exist, or cannot be reached, is no error
  LANDLOCK_PORTS = 2,
};

// Where a plan failed. It is also the record in a status pipe: PHASE_EXECUTE just before execve, and any failure.
struct PlanFailure {
  uint32_t step;       // index from 0, through all stages; kNoStep: outside the steps; for PHASE_ENDED: ru_maxrss (getrusage(2))
  uint32_t op;         // Op, or Phase
  int32_t error;       // errno
  uint32_t detail;     // more about the error: a descriptor, a capability; for PHASE_EXECUTE the signal that killed the process
  uint32_t flags = 0;  // StepFlag; for PHASE_ENDED: FullFlag
};

// A file system of OP_WATCH_SPACE has no free block left, or no free inode.
enum FullFlag : uint32_t {
  FULL_BLOCKS = 1,
  FULL_INODES = 2,
  FULL_TIME = 4,  // the init has ended the program: PlanContext.mostStartMs
  FULL_LEFT = 8,  // other processes were there when the program had ended
};

constexpr uint32_t kNoStep = 0xffffffff;

// Phases outside the steps: PlanFailure.op if PlanFailure.step is kNoStep.
enum Phase : uint32_t {
  PHASE_DESCRIPTORS = 1001,  // child: moves descriptors into place
  PHASE_LAUNCHER = 1002,     // child: executes the launcher
  PHASE_LOAD = 1003,         // launcher: maps the plan
  PHASE_CHECK = 1004,        // the plan is malformed
  PHASE_EXECUTE = 1005,      // all steps but execve are done: error is 0; or the process was killed before: error is set
  PHASE_PREPARE = 1006,      // launching thread: runs the inherited steps
  PHASE_FORK = 1007,         // between two stages
  PHASE_ENDED = 1008,        // the program of an init has ended: error is 0, detail its wait status (wait(2))
};

}  // namespace uchroot
