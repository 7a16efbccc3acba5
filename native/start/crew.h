// The threads on which a service prepares and starts launches.
#pragma once

#include <string>
#include <vector>

#include "../plan/plan.h"

namespace uchroot {

// A thread of the crew, as its tasks see it.
class Worker {
 public:
  Worker(bool isBatch, bool prepares) : isBatch(isBatch), prepares_(prepares) {}

  // Sets STEP_DONE on each step of a plan whose effect the children of this thread inherit or start with. Before its first plan
  // the thread runs the inherited steps, once and for all. If one fails, this launch fails, and the next launch tries again.
  PlanFailure prepare(std::string& plan);

  const bool isBatch;  // the thread is SCHED_BATCH, so its children must become SCHED_OTHER again (sched(7))

 private:
  PlanFailure runInherited(void* plan);
  bool isDone(const PlanStep* step) const;

  const bool prepares_;
  std::vector<std::string> done_;  // steps that have run, as bytes
};

class Task {
 public:
  // Runs on a thread of the crew. It must not touch the JS environment.
  virtual void run(Worker& worker) = 0;

 protected:
  ~Task() = default;
};

enum class Thread {
  kPrepared,    // for a plan with PLAN_USUAL
  kUnfiltered,  // for a plan with PLAN_UNFILTERED: prepared, but without the filter, which would refuse the calls that isolate
  kPlain,
  kLook,  // for looks at the host
};

// The kind of thread that a plan needs.
Thread threadFor(const std::string& plan);

// Queues a task. False if there is no thread.
bool submit(Task& task, Thread thread);

// Starts another thread in place of the one with this task, which may be held for ever.
void replace(const Task& task, Thread thread);

// Removes a task from the queue. False if a thread has taken it already.
bool withdraw(Task& task, Thread thread);

}  // namespace uchroot
