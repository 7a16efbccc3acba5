// empty, cat and sleep in one static executable without libc: a program that costs as little as possible. The first letter
// of its name selects what it does.
#include <linux/time_types.h>

#include "../../native/launcher/start.h"
#include "../../native/plan/syscall.h"

using namespace uchroot;

namespace {

long copyInput() {
  static char buffer[65536];
  for (;;) {
    const long got = sys(__NR_read, 0, address(buffer), sizeof buffer);
    if (got <= 0) return got == 0 ? 0 : 1;
    for (long done = 0; done < got;) {
      const long wrote = sys(__NR_write, 1, address(buffer + done), got - done);
      if (wrote <= 0) return 1;
      done += wrote;
    }
  }
}

// A minute: long enough for the measurement, and it ends soon if the benchmark was killed.
long sleepMinute() {
  const __kernel_timespec minute = {60, 0};
  return sys(__NR_ppoll, 0, 0, address(&minute), 0, 0) == 0 ? 0 : 1;
}

}  // namespace

extern "C" [[noreturn]] [[gnu::used]] void programMain(const char* const* stack) {
  const char* name = stack[1];
  for (const char* at = name; *at != 0; at++) {
    if (*at == '/') name = at + 1;
  }
  const long status = *name == 'c' ? copyInput() : *name == 's' ? sleepMinute() : 0;
  for (;;) sys(__NR_exit_group, status);
}

UCHROOT_START("programMain")
