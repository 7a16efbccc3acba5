// Numbers as text, without libc.
#pragma once

namespace uchroot {

// Appends the decimal digits of a number that is not negative. Returns the end.
inline char* putNumber(char* to, long value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *to++ = digits[--count];
  return to;
}

}  // namespace uchroot
