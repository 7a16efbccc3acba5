#include "insidesockets.h"

#include <cerrno>

#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../files/descriptor.h"
#include "../plan/clone.h"

namespace uchroot {
namespace {

struct Visit {
  int network, user, family;
  long made = -ECANCELED;  // or a negative errno
};

// Root enters a network of its own user namespace alone.
__attribute__((no_sanitize("address", "undefined"))) int visit(void* given) {
  Visit& visit = *static_cast<Visit*>(given);
  long entered = sys(__NR_setns, visit.network, CLONE_NEWNET);
  if (entered == -EPERM) entered = sys(__NR_setns, visit.user, CLONE_NEWUSER);
  if (entered == 0) entered = sys(__NR_setns, visit.network, CLONE_NEWNET);
  visit.made = entered < 0 ? entered : sys(__NR_socket, visit.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  quit(0);
}

}  // namespace

InsideSockets::~InsideSockets() {
  closeIfOpen(network_);
  closeIfOpen(user_);
}

int InsideSockets::open(int socket) {
  network_ = ioctl(socket, SIOCGSKNS);
  user_ = network_ < 0 ? -1 : ioctl(network_, NS_GET_USERNS);
  return user_ < 0 ? errno : 0;
}

// As bear() in native/start/launch.cc, which says why a process does it that shares this memory, and what that leaves as it is.
int InsideSockets::make(int family) const {
  constexpr size_t kStackBytes = size_t{4} * 1024;
  alignas(16) char stack[kStackBytes];
  Visit work = {network_, user_, family};
  const long visitor = cloneOnStack(__NR_clone, CLONE_VM | CLONE_VFORK | CLONE_FILES, address(stack + sizeof stack), visit, &work);
  while (visitor > 0 && waitpid(static_cast<pid_t>(visitor), nullptr, __WALL) < 0 && errno == EINTR) continue;
  const long made = visitor < 0 ? visitor : work.made;
  if (made < 0) errno = static_cast<int>(-made);
  return made < 0 ? -1 : static_cast<int>(made);
}

}  // namespace uchroot
