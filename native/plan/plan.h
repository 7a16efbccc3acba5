// The byte format of a plan, and its op numbers: the one contract with lib/launch/plan (encode.ts, table.ts).
//
// A plan is one block of memory, little endian, aligned to 8 bytes:
//
//   PlanHeader, then PlanHeader.stages times: PlanStage, then PlanStage.steps times: PlanStep, its data, zero bytes up to a
//   multiple of 8.
//
// Between two stages the interpreter forks: the parent waits for the child and ends as it does, the child goes on with the next
// stage. The block is written once, checked whole before its first step runs, and used in place: the interpreter turns the offsets
// in the data of OP_EXECVE into pointers.
#pragma once

#include <stdint.h>

namespace uchroot {

constexpr uint32_t kPlanMagic = 0x32504355;  // "UCP2"
constexpr uint32_t kPlanMaxBytes = 64u << 20;  // more than ARG_MAX can ever be (execve(2): 6 MiB)
constexpr uint32_t kPlanMaxSteps = 1u << 17;  // each of 65536 kept descriptors is one
constexpr uint32_t kPlanMaxStages = 8;

struct PlanHeader {
  uint32_t magic;
  uint32_t sizeBytes;  // of the whole plan, this header included
  uint32_t stages;
  uint32_t flags;  // PlanFlag
};

enum PlanFlag : uint32_t {
  PLAN_USUAL = 1,  // it has each step that a prepared thread runs, in its usual form
};

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

// All that code outside of the interpreter knows of a step. lib/launch/plan/step.ts says what each means.
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
  STEP_DONE = 512,  // not run, as what it sets is so already: the thread that launches sets this flag
};
constexpr uint16_t kStepFlags = 1023;

// a, b and data of each op; what is not named is 0 or empty.
enum Op : uint16_t {
  OP_KEYCTL_JOIN_SESSION = 1,
  OP_SETSID = 2,
  OP_UMASK = 3,                // a: mask; b: 1 sets it, 0 adds it to the caller's
  OP_RLIMIT = 4,               // a: resource; b: RlimitMode; data: soft, hard (uint64)
  OP_NICE = 5,                 // a negative nice value becomes 0
  OP_OOM_SCORE_ADJ = 6,        // a negative value becomes 0
  OP_SCHEDULER = 7,            // a realtime policy becomes SCHED_OTHER
  OP_IOPRIO = 8,               // a realtime I/O class becomes none
  OP_PERSONALITY = 9,          // a: persona
  OP_SETITIMER = 10,           // a: which timer is stopped
  OP_STDIO = 11,               // a: descriptor 0, 1 or 2: open, blocking, kept, not a directory
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
  OP_CAPSET = 23,              // a: permitted and inheritable mask; effective becomes empty
  OP_CAP_AMBIENT_RAISE = 24,   // a: mask
  OP_PRCTL = 25,               // a: option; b: second argument
  OP_SECCOMP = 26,             // data: struct sock_filter[]
  OP_PARENT_DEATH_SIGNAL = 27, // a: signal; b: pid that must still be the parent, 0: any
  OP_VERIFY_UID = 28,          // a: real, effective, saved and fs uid
  OP_VERIFY_GID = 29,          // a: the same of gid
  OP_VERIFY_GROUPS = 30,       // data: gids, ascending (uint32), then as much scratch space
  OP_VERIFY_CAPS = 31,         // a: permitted, inheritable and ambient mask; the effective set is empty
  OP_VERIFY_NO_WAY_BACK = 32,  // setresuid(0, 0, 0) must fail
  OP_VERIFY_CWD = 33,          // the root directory is the jail; inside it, and may be entered
  OP_RESET_SIGNALS = 34,       // default dispositions, empty mask
  OP_WRITE = 35,               // a: descriptor; data: bytes
  OP_EXECVE = 36,              // a: argc; b: envc; data: offsets from the start of the plan (uint64):
                               // program, argv…, 0, envp…, 0; then the strings
  OP_KEEP_LISTEN_FDS = 37,     // as OP_KEEP_FD, each of PlanContext.listenFds from 3 on
  OP_VERIFY_SECCOMP = 38,      // a filter is in force
  OP_VERIFY_NO_NEW_PRIVS = 39,
  OP_SETPGID = 40,             // a process group of its own
};

inline uint32_t padded(uint32_t bytes) { return (bytes + 7u) & ~7u; }

inline PlanStage* firstStage(void* plan) { return reinterpret_cast<PlanStage*>(static_cast<PlanHeader*>(plan) + 1); }
inline PlanStep* firstStep(PlanStage* stage) { return reinterpret_cast<PlanStep*>(stage + 1); }
inline PlanStep* nextStep(PlanStep* step) {
  return reinterpret_cast<PlanStep*>(reinterpret_cast<uint8_t*>(step + 1) + padded(step->dataBytes));
}

// The steps of a checked plan, through all of its stages.
class Steps {
 public:
  // Who has only a plan that is const changes no step.
  explicit Steps(const void* plan)
      : stages_(static_cast<const PlanHeader*>(plan)->stages), next_(firstStage(const_cast<void*>(plan))) {}

  // nullptr behind the last one.
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

  // Index of the step that next() has returned, as PlanFailure.step has it.
  uint32_t place() const { return place_ - 1; }

 private:
  uint32_t stages_;
  uint32_t left_ = 0;
  uint32_t place_ = 0;
  void* next_;
};

enum RlimitMode : uint64_t {
  RLIMIT_SET = 0,       // both, as given
  RLIMIT_CAP_SOFT = 1,  // the soft limit becomes at most this
  RLIMIT_SET_SOFT = 2,  // the soft limit becomes this, or the hard limit if that is lower
};

// Where a plan failed; also the record that goes through a status pipe: PHASE_EXECUTE just before execve, and what failed.
struct PlanFailure {
  uint32_t step;       // index from 0, through all stages; kNoStep: not in a step
  uint32_t op;         // Op, or Phase
  int32_t error;       // errno
  uint32_t detail;     // what an op adds: a descriptor, a capability; of PHASE_EXECUTE the signal that ended the process
  uint32_t flags = 0;  // StepFlag
};

constexpr uint32_t kNoStep = 0xffffffff;

// What happens around the steps of a plan, in PlanFailure.op where step is kNoStep.
enum Phase : uint32_t {
  PHASE_DESCRIPTORS = 1001,  // child: moving descriptors in place
  PHASE_LAUNCHER = 1002,     // child: executing the launcher
  PHASE_LOAD = 1003,         // launcher: mapping the plan
  PHASE_CHECK = 1004,        // the plan is malformed
  PHASE_EXECUTE = 1005,      // nothing but execve is left to do; error is 0, unless it never came to that
  PHASE_PREPARE = 1006,      // a thread that launches: what it hands down
  PHASE_FORK = 1007,         // between two stages
};

}  // namespace uchroot
