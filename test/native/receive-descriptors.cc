// Sends descriptors through a socket, and prints how many of them arrive.
//   receive-descriptors SENT MOST   the answer, and whether the memory behind the result is as it was
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include <sys/socket.h>
#include <unistd.h>

#include "../../native/terminal/rights.h"

namespace {

constexpr size_t kMost = 16;
constexpr int kUntouched = -2;

bool send(int socket, size_t count) {
  char byte = 0;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMost)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  int fds[kMost] = {};  // 0, the standard input, each time
  std::memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
  return sendmsg(socket, &message, 0) == 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t sent = std::strtoul(argv[1], nullptr, 10), most = std::strtoul(argv[2], nullptr, 10);
  int ends[2];
  if (sent > kMost || most > kMost || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || !send(ends[0], sent)) return 2;
  int fds[2 * kMost];
  std::fill(std::begin(fds), std::end(fds), kUntouched);
  const int got = uchroot::receiveDescriptors(ends[1], fds, most);
  const bool isIntact = std::all_of(fds + most, std::end(fds), [](int fd) { return fd == kUntouched; });
  std::printf("%d %s, next %d\n", got, isIntact ? "intact" : "overwritten", dup(0) - ends[1]);
}
