// Threads of the service on which launches are looked up, verified and made.
#pragma once

#include <cstdint>

namespace uchroot {

struct Preparation {
  bool isBatch = false;  // its children are to be ordinary again (sched(7), SCHED_OTHER)
  bool isBoundingSetEmpty = false;
  int error = 0;  // an errno, if the thread could not be prepared
  uint32_t capability = 0;
};

class Task {
 public:
  // On a thread of the crew. Nothing of the environment to which it belongs may be touched there.
  virtual void run(const Preparation& preparation) = 0;

 protected:
  ~Task() = default;
};

// The bounding set is dropped one capability after the other, and each takes a launch as long as ten other calls. So the
// threads of the crew have dropped theirs for good and seen that it is empty, and their children begin without: nothing is
// left to do for the step of the plan.
enum class Thread {
  kPrepared,
  kPlain,  // for a program that keeps capabilities, and with them a part of the bounding set
};

// Has a task run soon. False if there is no thread.
bool submit(Task& task, Thread thread);

}  // namespace uchroot
