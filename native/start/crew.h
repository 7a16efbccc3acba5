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

  // Sets STEP_DONE in a plan where the children of this thread inherit the effect, or begin with it. Before its first plan the thread
  // runs the inherited steps, for good. If one of them fails the launch does, and the next launch tries again.
  PlanFailure prepare(std::string& plan);

  const bool isBatch;  // its children are to be ordinary again (sched(7), SCHED_OTHER)

 private:
  PlanFailure runInherited(void* plan);
  bool isDone(const PlanStep* step) const;

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
  kPlain,  // for a plan that is not PLAN_USUAL
};

// The thread for a plan.
Thread threadFor(const std::string& plan);

// Has a task run soon. False if there is no thread.
bool submit(Task& task, Thread thread);

// Takes back a task that still waits for a thread. False if one has it.
bool withdraw(Task& task, Thread thread);

}  // namespace uchroot
