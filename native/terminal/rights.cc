#include "rights.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "../plan/plan.h"

namespace uchroot {

int receiveDescriptors(int socket, int* fds, size_t most) {
  uint8_t byte;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostSockets)];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_LEN(sizeof(int) * most);  // the padding of CMSG_SPACE has room for one more
  const ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return -errno;
  if (got == 0) return -ECONNRESET;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  const bool isThere = header != nullptr && header->cmsg_type == SCM_RIGHTS;
  const size_t count = isThere ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
  if (isThere) std::memcpy(fds, CMSG_DATA(header), count * sizeof(int));
  if (count > 0 && (message.msg_flags & MSG_CTRUNC) == 0) return static_cast<int>(count);
  // As many descriptors as it may have: then the kernel leaves some out (unix(7), MSG_CTRUNC).
  for (size_t i = 0; i < count; i++) close(fds[i]);
  return -EMFILE;
}

int receiveAll(int socket, std::vector<int>& fds) {
  for (;;) {
    int some[kMostSockets];
    const int count = receiveDescriptors(socket, some, kMostSockets);
    if (count < 0 && !fds.empty() && (count == -EAGAIN || count == -ECONNRESET)) return 0;
    if (count < 0) {
      for (const int fd : fds) close(fd);
      fds.clear();
      return -count;
    }
    fds.insert(fds.end(), some, some + count);
  }
}

}  // namespace uchroot
