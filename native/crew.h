// Threads of the service on which launches are looked up, verified and made.
#pragma once

#include <cstdint>

namespace uchroot {

// Of a thread that could not be prepared; error is an errno, and detail a capability.
struct Preparation {
  int error = 0;
  uint32_t detail = 0;
};

class Task {
 public:
  // On a thread of the crew. Nothing of the environment to which it belongs may be touched there.
  virtual void run(const Preparation& preparation) = 0;

 protected:
  ~Task() = default;
};

// The bounding set is dropped one capability after the other, and each takes a launch as long as ten other calls. So the
// threads of the crew have dropped theirs for good, and their children begin without: the step of the plan finds nothing
// left to do.
enum class Thread {
  kOfTheCrew,
  kOfItsOwn,  // for a program that keeps capabilities, and with them a part of the bounding set
};

// Has a task run soon. False if there is no thread.
bool submit(Task& task, Thread thread);

}  // namespace uchroot
