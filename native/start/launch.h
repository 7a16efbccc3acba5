// Starts the launcher for a service. No JS.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "../plan/plan.h"
#include "../cgroup/cgroup.h"

namespace uchroot {

constexpr int kIgnore = -1;  // the program gets a null device there
constexpr int kPipe = -2;    // the program gets one end of a new pipe, the service the other
constexpr int kPty = -3;     // of descriptor 0: the program gets a terminal as 0 to 2, and the service a socket with the master in it
constexpr int kSocket = -4;  // of descriptor 0: the plan sends descriptors to it, and the service has the other end

// Cancels a launch from another thread. Each side writes its own part and then reads the other's. So in any order, at least one
// side sees that the child must be killed.
struct Recall {
  std::atomic<bool> isWanted = false;  // nothing more is started
  std::atomic<bool> isKilling = false;  // a started child is killed
  std::atomic<int> pidFd = -1;         // of the child, from the clone on
  std::atomic<bool> isLooking = false;  // at the host: a file system can hold it, and nothing is started before it has ended
  std::atomic<bool> isLate = false;    // the program runs, or the launch has failed
};

struct LaunchRequest {
  std::string plan;
  int jailFd = -1;
  int launcherFd = -1;
  int seedFd = -1;  // of a mount namespace for the launcher (ready.h)
  int networkFd = -1;  // of a network namespace for the launcher (ready.h)
  int userFd = -1;  // of a kept user namespace that the launcher is born in
  int outboundFd = -1;  // of a socket that gets those of the plan (kSocket: a new one)
  int goFd = -1;    // of a pipe: its init reaps nothing before a byte arrives
  bool limitsStart = false;  // the pipe has PlanContext.mostStartMs
  std::vector<int> spaces = {};  // of kept namespaces (spaces.cc)
  int stdio[3] = {kIgnore, kIgnore, kIgnore};  // a descriptor of the service, kIgnore, kPipe, kPty or kSocket
  struct Kept {
    int source, target;
  };
  bool isBatch = false;  // the launching thread is SCHED_BATCH; its child must be SCHED_OTHER
  uint32_t namespaces = 0;  // CLONE_NEW flags
  int signalFd = -1;        // ends a wait for these: see MapWay
  bool hasIdMaps = false;   // newuidmap and newgidmap map the ids of the user namespace
  PlanFailure refused = {kNoStep, 0, 0, 0};      // what it means if the kernel refuses them: the step and its op
  Recall* recall = nullptr;
  const CgroupEntry* cgroup = nullptr;  // the child is born in it
  PlanFailure cgroupFailure = {kNoStep, 0, 0, 0};  // what it means if the kernel refuses that
  std::vector<Kept> kept = {};  // descriptors above 2 that the program gets, with the number it gets
};

struct LaunchResult {
  PlanFailure failure = {kNoStep, 0, 0, 0};  // if failure.error is not 0, no process was started
  int pid = -1;
  int pidFd = -1;
  int statusFd = -1;             // non-blocking; at its end, the program runs if PHASE_EXECUTE was the only record
  std::string words;             // what newuidmap or newgidmap said when it failed
  int pipes[4] = {-1, -1, -1, -1};  // the service's ends; of a terminal, a socket: see takeTerminal(); the last: of outboundFd
};

// Finds the namespaces that the launcher must be born in. The step that would make them is marked as done.
void takeNamespaces(LaunchRequest& request);

// Whether the launcher makes a network namespace that belongs to this user namespace. Only such a one can be made before
// (network_namespaces(7), user_namespaces(7)).
bool makesNetwork(const LaunchRequest& request);

// Clones, executes the launcher, and waits until the program is executed, but at most some milliseconds. It blocks its thread,
// and leaves the request's descriptors open.
LaunchResult launch(const LaunchRequest& request);

}  // namespace uchroot
