// Maps the ids of a new user namespace by newuidmap(1) and newgidmap(1): the kernel lets only a privileged process outside of it map
// more than one id (user_namespaces(7)). No JS.
#pragma once

#include <string>

#include <sys/types.h>

#include "../plan/plan.h"

namespace uchroot {

// Whether a checked plan has steps for this.
bool hasIdMaps(const void* plan);

struct MapWay {
  int socketFd;
  int signalFd = -1;  // readable if a signal must end this process, which has blocked it (signalfd(2))
};

// Performs the steps with STEP_OUTSIDE of a checked plan. `pid` is in the new user namespace, and its plan stops at each of these steps:
// it sends a byte through the other end of the socket, and goes on when it gets one back. Returns after the last step or a failure, which
// is ECANCELED outside the steps if the other end was closed before: the process has ended. `words`: what the program of a failed step
// has said.
PlanFailure mapIds(const void* plan, const MapWay& way, pid_t pid, std::string& words);

}  // namespace uchroot
