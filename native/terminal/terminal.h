// The pseudo-terminal of a program, as the process that has started it sees it: pty(7).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../files/descriptor.h"
#include "inputend.h"

namespace uchroot {

class Terminal {
 public:
  // Takes the master out of the socket of a launch (see openPty() of native/plan/pty.cc). Returns 0 or an errno.
  int take(int socket);
  int master() const { return master_.get(); }

  // As many bytes as are there, or a negative errno: EAGAIN if there are none now.
  long read(uint8_t* bytes, size_t room);
  // As many bytes as can be written now, or a negative errno.
  long write(const uint8_t* bytes, size_t count);
  // Types the end of the input: see inputend.h. Returns 0 or a negative errno.
  long end();
  // Returns 0 or a negative errno. The program in the foreground gets SIGWINCH.
  long resize(uint16_t cols, uint16_t rows);
  // The program's session gets SIGHUP.
  void hangUp();

 private:
  Descriptor master_;
  // The program's end is held open. Otherwise the master would be at its end whenever the program has closed all of its own.
  Descriptor peer_;
  InputEnd end_;
};

// The size of the first terminal among descriptors 0 to 2 as columns and rows, or false.
bool ownTerminalSize(uint16_t* cols, uint16_t* rows);

}  // namespace uchroot
