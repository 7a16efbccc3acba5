// The messages of a compiled launcher: one line on descriptor 2, sometimes a hint, and a line of JSON for --status-fd.
#pragma once

#include "payload.h"
#include "../plan/plan.h"

namespace uchroot {

constexpr int kLaunchFailed = 125;

// One line of text. Text beyond its size is dropped.
class Line {
 public:
  Line& put(const char* text);
  Line& put(char character);
  Line& plain(const char* text, uint64_t length);  // control characters become `?`
  Line& number(uint64_t value);
  Line& octal(uint32_t mode);
  const char* text() const { return buffer_; }
  void cut(uint32_t bytes);  // shortens the line to this size
  void write(long fd) const;

 private:
  static constexpr uint32_t kMaxBytes = 8192;
  char buffer_[kMaxBytes];
  uint32_t used_ = 0;
};

struct Failure {
  const char* step;
  uint32_t place;    // place in the plan, from 1; 0: before the plan
  const char* code;  // an errno's name, or a code of lib/errors.ts
  int error;         // errno, or 0
};

// If the reader is gone or a file size limit is reached, a signal must not kill this process: its exit status would be lost.
void ignoreWriteSignals();

// True if all bytes were written.
bool writeAll(long fd, const char* bytes, uint64_t count);

uint64_t lengthOf(const char* text);

// The name of an errno, and its text. `line` stores a name that must be built.
const char* errorName(const Payload* payload, int error, Line& line);
void putError(const Payload* payload, int error, Line& line);

// Reports a failure on descriptor 2, to --status-fd and to the service manager. `message` starts with the step; `hint` may be
// nullptr. Returns the exit status: `status`, or one of --service-status.
int tell(const Payload* payload, const Failure& failure, const Line& message, const char* hint,
         int status = kLaunchFailed);

// Reports a failed step of the plan.
int tellStep(const Payload* payload, const PlanFailure& failure);

}  // namespace uchroot
