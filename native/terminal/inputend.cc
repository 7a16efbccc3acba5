// Raw system calls, as the launcher has no libc.

#include "inputend.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/termbits.h>

#include "../plan/syscall.h"

namespace uchroot {
namespace {

constexpr uint8_t kUsualEnd = 4;  // Ctrl-D

bool isUnread(long peer) {
  struct {
    int fd;
    short events, found;
  } unread = {static_cast<int>(peer), POLLIN, 0};
  const int64_t atOnce[2] = {0, 0};
  return sys(__NR_ppoll, address(&unread), 1, address(atOnce), 0, 0) != 0;
}

}  // namespace

// A shell that reads single characters changes the mode for each program that it runs, and would take what was typed in the other mode
// for something else. So all must be read before.
long InputEnd::type(long master, long peer) {
  if (isUnread(peer)) return 0;
  struct termios now;
  if (const long got = sys(__NR_ioctl, master, TCGETS, address(&now)); got < 0) return got;
  const bool isByLine = (now.c_lflag & ICANON) != 0;
  if (!isByLine && isTyped_) return 0;
  isTyped_ = !isByLine;
  const uint8_t last = now.c_cc[VEOF] == 0 ? kUsualEnd : now.c_cc[VEOF];
  const long wrote = sys(__NR_write, master, address(&last), 1);
  return wrote < 0 ? wrote : 0;
}

}  // namespace uchroot
