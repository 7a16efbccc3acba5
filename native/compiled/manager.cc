// Connects to NOTIFY_SOCKET before the root directory changes: afterwards the socket's path cannot be reached.

#include "manager.h"

#include "directory.h"
#include "environment.h"
#include "report.h"
#include "../plan/syscall.h"

namespace uchroot {
namespace {

constexpr long kUnix = 1;                          // AF_UNIX: the kernel's headers have no name for it (unix(7))
constexpr long kDatagram = 2 | 02000000 | 00004000;  // SOCK_DGRAM, SOCK_CLOEXEC, SOCK_NONBLOCK (socket(2))

constexpr long kFamilyBytes = 2;

struct Address {
  uint16_t family;
  char path[108];
};

}  // namespace

int connectManager(const Payload* payload, const char* const* caller, int listenFds) {
  const char* path = valueOf(caller, "NOTIFY_SOCKET=");
  const uint64_t length = lengthOf(path);
  Address address;
  const bool isAbstract = path[0] == '@';  // a name without a file (unix(7))
  if ((path[0] != '/' && !isAbstract) || length >= sizeof address.path) return -1;
  address.family = kUnix;
  for (uint64_t i = 0; i <= length; i++) {
    address.path[i] = path[i];
    __asm__("" : : : "memory");  // keeps the compiler from using memcpy, which does not exist here (-nostdlib)
  }
  if (isAbstract) address.path[0] = '\0';
  const long size = kFamilyBytes + static_cast<long>(length) + (isAbstract ? 0 : 1);
  const long fd = sys(__NR_socket, kUnix, kDatagram, 0);
  if (fd < 0) return -1;  // the exit status still reports the failure
  if (sys(__NR_connect, fd, reinterpret_cast<long>(&address), size) == 0) return moveAside(payload, fd, listenFds);
  (void)sys(__NR_close, fd);
  return -1;
}

}  // namespace uchroot
