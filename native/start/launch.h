// Starting the launcher: everything between a service's request and a process that runs a plan, without JS.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "../plan/plan.h"

namespace uchroot {

constexpr int kIgnore = -1;  // the program gets /dev/null there
constexpr int kPipe = -2;    // the program gets one end of a new pipe, the service the other

// Calls off a launch from another thread. Each of the two sides writes its part and then reads the other's: whatever the
// order, one of them sees that the child is to be killed.
struct Recall {
  std::atomic<bool> isWanted = false;  // nothing is started any more; what has been is killed
  std::atomic<int> pidFd = -1;         // of the child, from the clone on
  std::atomic<bool> isLate = false;    // the program is known to run, or the launch to have failed
};

struct LaunchRequest {
  std::string plan;
  int jailFd = -1;
  int launcherFd = -1;
  int stdio[3] = {kIgnore, kIgnore, kIgnore};  // a descriptor of the service, kIgnore or kPipe
  struct Kept {
    int source, target;
  };
  bool isBatch = false;  // the thread that launches; its child is to be SCHED_OTHER
  Recall* recall = nullptr;
  std::vector<Kept> kept;  // descriptors above 2 that the program gets, under the number it expects
};

struct LaunchResult {
  PlanFailure failure = {kNoStep, 0, 0, 0};  // failure.error is not 0: no process was started
  int pid = -1;
  int pidFd = -1;
  int statusFd = -1;             // non-blocking; its end: the program runs if it said PHASE_EXECUTE and nothing else
  int pipes[3] = {-1, -1, -1};   // the service's ends
};

// Clones and executes the launcher, and waits until the program has been executed, or for some milliseconds where that
// takes longer; call it on a thread that may.
// Leaves the request's descriptors open.
LaunchResult launch(const LaunchRequest& request);

}  // namespace uchroot
