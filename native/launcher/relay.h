// Joins the terminal of a program to descriptors 0 and 1 of the process that waits for it. Raw system calls only.
#pragma once

#include <stdint.h>

#include <asm/termbits.h>

#include "../plan/interpreter.h"
#include "../terminal/inputend.h"
#include "clock.h"

namespace uchroot {

// Bytes on their way.
struct Passage {
  static constexpr uint32_t kRoom = 16 * 1024;
  uint32_t start = 0, end = 0;
  uint8_t bytes[kRoom];

  bool isEmpty() const { return start == end; }
  // Takes what a read has returned.
  void fill(long count) { start = 0, end = static_cast<uint32_t>(count); }
};

// The settings of the caller's terminal (termios(3)), in memory that the guard shares.
struct Settings {
  struct termios before, raw;
  volatile bool isRaw;
};

struct Relay : Console {
  Passage typed, shown;
  InputEnd inputEnd;
  Settings* settings = nullptr;  // nullptr if descriptor 0 is no terminal
  long masterFd = -1, peerFd = -1, signalFd = -1;
  long guardFd = -1, guardPid = -1;
  bool isInputOpen = true;
  int64_t endingNs = 0;  // after the end of the input: the time until that end is typed again
  const Clock* clock = nullptr;  // of a launch with a limit of time
  bool isHeld = false;         // this process is in the foreground of the caller's terminal
};

// Starts a process that gives the caller's terminal back if this one is killed. It stays root, but has no capabilities: the program,
// whose user this process is about to become, cannot kill it. Returns 0 or a negative errno.
long startGuard(Relay* relay);

// Opens what the relay needs, closes all descriptors above 2 but *keptFd and *resultFd, which may change, and a copy of lockFd, and takes the
// caller's terminal. Each may be -1.
// Returns 0 or a negative errno.
long openRelay(Relay* relay, long masterFd, long* keptFd, long* resultFd, long lockFd);

}  // namespace uchroot
