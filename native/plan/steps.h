// The functions that run the steps, for the files of the interpreter only. A step that needs more than one system call has a
// function. Each returns 0 or a negative errno.
#pragma once

#include <stdint.h>

#include <linux/capability.h>

#include "interpreter.h"
#include "syscall.h"

namespace uchroot {

inline uint8_t* dataOf(PlanStep* step) { return reinterpret_cast<uint8_t*>(step + 1); }
inline const uint8_t* dataOf(const PlanStep* step) { return reinterpret_cast<const uint8_t*>(step + 1); }

inline long prctl(long option, long a = 0, long b = 0) { return sys(__NR_prctl, option, a, b, 0, 0); }

struct Limit {
  uint64_t soft;
  uint64_t hard;
};

// capset(2), version 3
struct CapabilitySets {
  __user_cap_header_struct header;
  __user_cap_data_struct data[2];
};

// processstate.cc
long joinSession();
long newSession();
long newGroup(bool isUnlessTerminal);
long stopTimer(long which);
long setParentDeathSignal(long signal, long parent);
long resetSignals(long ignored);

// limits.cc
long setUmask(uint64_t mask, bool exact);
long setLimit(PlanStep* step);
long raiseNice(long least);
long raiseOomScoreAdj(const PlanStep* step);
long narrowAffinity(const PlanStep* step);
long dropRealtime();
long dropIoRealtime();

// descriptors.cc
long closeOnExec(long first, long jailFd);
long keepDescriptor(long fd);
long keepListenFds(int count, uint32_t* detail);
// 0 to 2 in ascending order. `replacesNull`: a null device that the caller has given, too.
long keepStdio(long fd, bool replacesNull, long* nullFd);
long writeAll(long fd, const uint8_t* bytes, uint32_t count);
long writeWithoutSignal(long fd, const uint8_t* bytes, uint32_t count);
// Sends up to kMostSockets descriptors in one message.
long sendDescriptors(long socket, const int* fds, uint32_t count);

// pty.cc
long openPty(const PlanStep* step, long jailFd);

// credentials.cc
long dropBoundingSet(uint64_t keep, uint32_t* capability);
long resetSecurebits();
long setCapabilities(uint64_t mask, uint64_t effective);
long raiseAmbient(uint64_t mask, uint32_t* detail);
long installFilter(PlanStep* step, PlanContext& context);

// namespaces.cc
long makeNamespaces(long flags, bool fromSeed, PlanContext& context);
long joinSpaces(PlanStep* step, PlanContext& context);
long raiseLoopback();
long enterOwnMounts();
long writeFile(PlanStep* step);

// mounts.cc
// A descriptor of a new file system that is mounted nowhere yet. `options`: name, value… and an empty string.
long newMount(const char* type, const char* options, long attributes);
long openTree(PlanStep* step, PlanContext& context);
long pivotRoot(PlanStep* step, PlanContext& context);
// Makes the new root directory the jail of the steps that follow, and closes the descriptors of both.
long replaceJail(PlanContext& context, long root);
long moveTree(PlanStep* step, PlanContext& context);
long mountType(PlanStep* step, const PlanContext& context);
long bindPath(PlanStep* step, bool mustExist, const PlanContext& context);
// Mounts a detached tree.
long attach(long tree, const char* target);
// The tree of a slot, which is empty from then on.
long takeTree(PlanContext& context, uint64_t slot);
long mapTree(const PlanStep* step, const PlanContext& context);
long watchSpace(PlanStep* step, PlanContext& context);
long makeTextFile(PlanStep* step, PlanContext& context);
long coverFile(PlanStep* step, PlanContext& context);
// The only entry of a new file system, kEntry.
constexpr const char* kEntry = "entry";
long newFileSystem();
// A tree of it, which takes the place of the file system's descriptor.
long treeOfEntry(long made);
// FullFlag of the file systems that are watched.
uint32_t fullOf(const PlanContext& context);

// overlay.cc
// Makes an overlay over the tree of a slot. The slot has the overlay from then on.
long coverTree(PlanStep* step, PlanContext& context, uint32_t slot);
long lockHere(PlanContext& context);

// places.cc
long isDirectory(long directory, const char* name);
long makeDirectory(PlanStep* step, const PlanContext& context);
long makeNode(PlanStep* step);
long makeLink(PlanStep* step);
// Makes what the tree is to be mounted on. The first `ownBytes` of the target lead to a file system of the launch; 0: to the root directory.
long makeMountPoint(long tree, char* target, uint32_t ownBytes, bool isWithoutLinks, bool isRootless);

// rootless.cc
// Makes a directory the jail of the steps that follow, if it is the same one.
long adoptJail(PlanContext& context, long fd);
long reopenJail(PlanContext& context);
long newTree(PlanStep* step, PlanContext& context);
long awaitMap(long socketFd);
long openSpaces(PlanContext& context);
// Returns only if it fails.
long sendSpaces(PlanStep* step, const PlanContext& context);

// outbound.cc
long tellKernel(const PlanStep* step, PlanContext& context);
long handSockets(const PlanStep* step, const PlanContext& context);
long openDoor(const PlanStep* step, PlanContext& context);

// landlock.cc
constexpr uint32_t kRulesetAttributeBytes = 24;  // handled_access_fs, handled_access_net, scoped (uint64)
long createRuleset(const PlanStep* step, PlanContext& context, uint32_t* kernelAbi);
long addRule(const PlanStep* step, const PlanContext& context, uint32_t* port);
long restrictSelf(const PlanStep* step, PlanContext& context);
long verifyLandlock(const PlanStep* step, const PlanContext& context);
long verifyTcpFilter();

// readback.cc
long verifyIds(long getCall, long fsCall, uint64_t expected);
long verifyGroups(PlanStep* step);
long verifyCapabilities(uint64_t expected);
long verifyNoWayBack();
long verifyNoNewPrivs();
long verifySeccomp();
long verifyCwd(long jailFd);

// Stages of a plan that are still to run: `count` of them from `first` on.
struct Stages {
  void* plan;
  PlanStage* first;
  uint32_t count;
  uint32_t place;  // of the first step, through all stages of the plan
};

// interpreter.cc
// Runs stages as runPlan() does.
PlanFailure runStages(const Stages& stages, PlanContext& context);
// Runs a step of the plan, unless it is done. False with the failure; in a rehearsal also before the program, without an error.
bool advance(void* plan, PlanStep* step, uint32_t place, PlanContext& context, PlanFailure* failure);

// fork.cc
// Forks. The child runs the next stages and does not return. The parent returns only if the fork, one of its steps after it or the
// child failed; the result says why.
PlanFailure forkStage(const Stages& own, const Stages& next, PlanContext& context);

// stages.cc
constexpr int kStatusLost = 127;  // exit status of a child that fails: its parent reports the reason
// The program `child` runs. This process only waits for it.
[[noreturn]] void standFor(long child, PlanContext& context);
long tell(long statusFd, const PlanFailure& record);
// If the waiting process ends, this process is killed too. It must be called after all steps, because a change of ids clears the
// setting (PR_SET_PDEATHSIG(2const)). If the waiting process has ended already, tell() fails.
long endWithParent();
// Waits until the parent has run its steps after the fork.
long awaitParent(const PlanContext& context);
// Returns the failure in the calling process. In a forked process it reports the failure to the parent, and exits.
PlanFailure leave(const PlanContext& context, const PlanFailure& failure);

}  // namespace uchroot
