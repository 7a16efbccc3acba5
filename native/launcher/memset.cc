// The one function of libc that the compiler calls in the static executables: on arm64, to clear a structure. A freestanding program
// has to bring it along (https://gcc.gnu.org/onlinedocs/gcc/Standards.html).
#include <cstddef>

extern "C" void* memset(void* start, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) static_cast<unsigned char*>(start)[i] = static_cast<unsigned char>(value);
  return start;
}
