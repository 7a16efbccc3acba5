// Raw system calls: the headers of libc define other structures of the same names.

#include "terminal.h"

#include "../plan/syscall.h"
#include "rights.h"

#include <asm/fcntl.h>
#include <asm/termios.h>
#include <linux/fcntl.h>

#include <cerrno>

namespace uchroot {

int Terminal::take(int socket) {
  int fd;
  if (const int got = receiveDescriptors(socket, &fd, 1); got < 0) return -got;
  master_.reset(fd);
  const long peer = sys(__NR_ioctl, fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (peer < 0) return static_cast<int>(-peer);
  peer_.reset(static_cast<int>(peer));
  return 0;
}

// The kernel gives at most 4 KiB at a time.
long Terminal::read(uint8_t* bytes, size_t room) {
  size_t done = 0;
  while (done < room) {
    const long got = sys(__NR_read, master_.get(), address(bytes + done), static_cast<long>(room - done));
    if (got == -EINTR) continue;
    if (got <= 0) return done > 0 ? static_cast<long>(done) : got == 0 ? -EIO : got;
    done += static_cast<size_t>(got);
  }
  return static_cast<long>(done);
}

long Terminal::write(const uint8_t* bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    const long wrote = sys(__NR_write, master_.get(), address(bytes + done), static_cast<long>(count - done));
    if (wrote == -EINTR) continue;
    if (wrote <= 0) return done > 0 ? static_cast<long>(done) : wrote;
    done += static_cast<size_t>(wrote);
  }
  return static_cast<long>(done);
}

long Terminal::end() { return end_.type(master_.get(), peer_.get()); }

long Terminal::resize(uint16_t cols, uint16_t rows) {
  const winsize size = {rows, cols, 0, 0};
  return sys(__NR_ioctl, master_.get(), TIOCSWINSZ, address(&size));
}

void Terminal::hangUp() {
  master_.reset(-1);
  peer_.reset(-1);
}

bool ownTerminalSize(uint16_t* cols, uint16_t* rows) {
  for (int fd = 0; fd < 3; fd++) {
    winsize size = {};
    if (sys(__NR_ioctl, fd, TIOCGWINSZ, address(&size)) < 0 || size.ws_col == 0 || size.ws_row == 0) continue;
    *cols = size.ws_col;
    *rows = size.ws_row;
    return true;
  }
  return false;
}

}  // namespace uchroot
