// The end of what is typed into a pseudo-terminal.
#pragma once

#include <stdint.h>

namespace uchroot {

// Types the end of the input, as a person does (termios(3), VEOF), if the program has read all that came before. A terminal has no
// lasting end, so this must be called again and again: each program that reads lines is told anew, and a program that reads single
// characters gets the character once. `peer` is the other end of `master`. Returns 0 or a negative errno.
class InputEnd {
 public:
  long type(long master, long peer);

 private:
  bool isTyped_ = false;  // for a program that reads single characters
};

}  // namespace uchroot
