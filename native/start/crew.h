// Threads of the service on which launches are looked up, verified and made.
#pragma once

#include <string>
#include <vector>

#include "../plan/plan.h"

namespace uchroot {

// A thread of the crew, as those see it who work on it.
class Worker {
 public:
  Worker(bool isBatch, bool prepares) : isBatch(isBatch), prepares_(prepares) {}

  // Crosses out in a plan what the children of this thread inherit from it or begin with. Before its first one it does what that is,
  // for good; where a call is refused the failure is the launch's, and the next one tries again.
  PlanFailure prepare(std::string& plan);

  const bool isBatch;  // its children are to be ordinary again (sched(7), SCHED_OTHER)

 private:
  PlanFailure runInherited(void* plan);

  const bool prepares_;
  std::vector<std::string> done_;  // steps, byte for byte
};

class Task {
 public:
  // On a thread of the crew. Nothing of the environment to which it belongs may be touched there.
  virtual void run(Worker& worker) = 0;

 protected:
  ~Task() = default;
};

enum class Thread {
  kPrepared,
  kPlain,  // for a plan that asks for something else than what the others have done
};

// The thread for a plan.
Thread threadFor(const std::string& plan);

// Has a task run soon. False if there is no thread.
bool submit(Task& task, Thread thread);

// Takes back a task that still waits for a thread. False if one has it.
bool withdraw(Task& task, Thread thread);

}  // namespace uchroot
