// What a compiled launcher says: one line on descriptor 2, perhaps a hint, and a line of JSON for --status-fd.
#pragma once

#include "payload.h"
#include "../plan/plan.h"

namespace uchroot {

constexpr int kLaunchFailed = 125;

// One line of text as it grows. What does not fit is left out.
class Line {
 public:
  Line& put(const char* text);
  Line& put(char character);
  Line& number(uint64_t value);
  Line& octal(uint32_t mode);
  const char* text() const { return buffer_; }
  void cut(uint32_t bytes);  // to at most so many
  void write(long fd) const;

 private:
  static constexpr uint32_t kMaxBytes = 8192;
  char buffer_[kMaxBytes];
  uint32_t used_ = 0;
};

struct Failure {
  const char* step;
  uint32_t place;    // in the plan, from 1; 0: before it
  const char* code;  // name of an errno, or one of lib/errors.ts
  int error;         // errno, or 0
};

// A reader that is gone, or a limit on file sizes, must not end this process by a signal: its exit status would be lost.
void ignoreWriteSignals();

// Everything was written.
bool writeAll(long fd, const char* bytes, uint64_t count);

uint64_t lengthOf(const char* text);

// The name of an errno, and its words. `line` keeps a name that has to be made.
const char* errorName(const Payload* payload, int error, Line& line);
void putError(const Payload* payload, int error, Line& line);

// Tells of a failure on descriptor 2, to --status-fd and to the service manager. `message` begins with the step; `hint` may
// be nullptr. Returns the exit status: `status`, or one of --service-status.
int tell(const Payload* payload, const Failure& failure, const Line& message, const char* hint,
         int status = kLaunchFailed);

// The same for a step of the plan.
int tellStep(const Payload* payload, const PlanFailure& failure);

}  // namespace uchroot
