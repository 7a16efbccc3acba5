// Steps of a launch that may call the names of a list: its network, and the sockets that its service answers.

#include "steps.h"

#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/un.h>

#include <asm/errno.h>
#include <asm/fcntl.h>

namespace uchroot {
namespace {

constexpr long kNetlink = 16, kUnix = 1, kInternet = 2, kInternet6 = 10, kStream = 1, kRaw = 3;  // AF_NETLINK, AF_UNIX, AF_INET, AF_INET6, SOCK_STREAM, SOCK_RAW
constexpr long kCloseOnExec = O_CLOEXEC, kNonBlocking = O_NONBLOCK;    // SOCK_CLOEXEC, SOCK_NONBLOCK
constexpr long kDontWait = 0x40;                                       // MSG_DONTWAIT
constexpr long kIp6 = 41;                                              // SOL_IPV6
constexpr long kOnly6 = 26, kReceiveInfo = 49, kTransparent = 75;      // IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_TRANSPARENT
constexpr long kOfSocket = 1, kReuse = 2;                               // SOL_SOCKET, SO_REUSEADDR
constexpr long kBacklog = 128;
constexpr long kAckBytes = 2 * sizeof(nlmsghdr) + sizeof(int32_t);

// A message is carried out while it is sent, so its answer waits in the socket by then (netlink_unicast_kernel() in
// net/netlink/af_netlink.c). Only the last message asks for one, since hundreds would not fit; those that fail have one before it.
long readAnswer(long fd) {
  struct {
    nlmsghdr header;
    int32_t error;
    nlmsghdr asked;
    uint8_t family;  // of an address or route
  } answer = {};
  long got = sys(__NR_recvfrom, fd, address(&answer), sizeof answer, kDontWait, 0, 0);
  // some did not fit; the first is there all the same
  if (got == -ENOBUFS) got = sys(__NR_recvfrom, fd, address(&answer), sizeof answer, kDontWait, 0, 0);
  if (got < 0) return got == -EAGAIN ? -EPROTO : got;
  if (got < kAckBytes || answer.header.nlmsg_type != NLMSG_ERROR) return -EPROTO;
  // the host has switched IPv6 off (ipv6.disable_ipv6=1): all of IPv4 is there, and the program reaches nothing by the other
  return answer.error == -EACCES && answer.family == kInternet6 ? 0 : answer.error;
}

long setOption(long fd, long level, long name, int value) {
  return sys(__NR_setsockopt, fd, level, name, address(&value), sizeof value);
}

long openSocket(const ListenSpec& spec) {
  const long fd = sys(__NR_socket, spec.port == 0 ? kInternet : kInternet6, spec.type | kCloseOnExec | kNonBlocking, 0);
  if (fd < 0 || spec.port == 0) return fd;
  sockaddr_in6 any = {};
  any.sin6_family = kInternet6;
  any.sin6_port = static_cast<uint16_t>(spec.port >> 8 | spec.port << 8);
  long result = setOption(fd, kIp6, kOnly6, 0);
  if (result >= 0 && (spec.flags & LISTEN_TRANSPARENT) != 0) result = setOption(fd, kIp6, kTransparent, 1);
  if (result >= 0 && spec.type != kStream) result = setOption(fd, kIp6, kReceiveInfo, 1);
  // connections inherit it: the program may bind a port that it has called
  if (result >= 0 && spec.type == kStream) result = setOption(fd, kOfSocket, kReuse, 1);
  if (result >= 0) result = sys(__NR_bind, fd, address(&any), sizeof any);
  if (result >= 0 && spec.type == kStream) result = sys(__NR_listen, fd, kBacklog);
  if (result >= 0) return fd;
  (void)sys(__NR_close, fd);
  return result;
}

// What a kernel without nf_tables or tproxy answers, and filters of system calls. A batch that fails has changed nothing.
bool isLack(long result) {
  switch (-result) {
    case EACCES:
    case EAFNOSUPPORT:
    case EINVAL:
    case ENOENT:
    case ENOSYS:
    case EOPNOTSUPP:
    case EPERM:
    case EPROTONOSUPPORT: return true;
    default: return false;
  }
}

long sendMessages(const PlanStep* step) {
  const long fd = sys(__NR_socket, kNetlink, kRaw | kCloseOnExec, static_cast<long>(step->a));
  if (fd < 0) return fd;
  long result = sys(__NR_sendto, fd, address(dataOf(step)), step->dataBytes, 0, 0, 0);
  if (result >= 0) result = readAnswer(fd);
  (void)sys(__NR_close, fd);
  return result < 0 ? result : 0;
}

}  // namespace

long tellKernel(const PlanStep* step, PlanContext& context) {
  const long result = sendMessages(step);
  context.lacksRules = step->b == 1 && isLack(result);
  return context.lacksRules ? 0 : result;
}

// Without a service that answers, the program would wait for ever. A rehearsal has none.
long handSockets(const PlanStep* step, const PlanContext& context) {
  if (context.outboundFd < 0 && context.progress == nullptr) return -EOPNOTSUPP;
  int fds[kMostSockets];
  fds[0] = -1;
  uint32_t count = 0;
  long result = 0;
  const ListenSpec* specs = reinterpret_cast<const ListenSpec*>(dataOf(step));
  for (uint32_t i = 0; i < step->dataBytes / sizeof(ListenSpec) && result >= 0; i++) {
    if ((specs[i].flags & LISTEN_WITHOUT_RULES) != 0 && !context.lacksRules) continue;
    result = openSocket(specs[i]);
    if (result >= 0) fds[count++] = static_cast<int>(result);
  }
  if (result >= 0 && context.outboundFd >= 0) result = sendDescriptors(context.outboundFd, fds, count);
  for (uint32_t i = 0; i < count; i++) (void)sys(__NR_close, fds[i]);
  return result < 0 ? result : 0;
}

namespace {

// A socket at the only entry of a file system. bind(2) takes no directory: that of the file system becomes the working directory for it.
long listenIn(long made) {
  // no initialiser: on arm64 the compiler would call memcpy for it
  sockaddr_un at;
  at.sun_family = kUnix;
  uint32_t length = 0;
  do at.sun_path[length] = kEntry[length];
  while (kEntry[length++] != 0);
  const long before = sys(__NR_openat, AT_FDCWD, address("."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (before < 0) return before;
  const long fd = sys(__NR_socket, kUnix, kStream | kCloseOnExec | kNonBlocking, 0);
  long result = fd < 0 ? fd : sys(__NR_fchdir, made);
  if (result >= 0) {
    result = sys(__NR_bind, fd, address(&at), static_cast<long>(sizeof at.sun_family + length));
    const long back = sys(__NR_fchdir, before);
    if (back < 0) result = back;
  }
  // the program's user connects, whoever it is (unix(7))
  if (result >= 0) result = sys(__NR_fchmodat, made, address(kEntry), 0666);
  if (result >= 0) result = sys(__NR_listen, fd, kBacklog);
  (void)sys(__NR_close, before);
  if (result >= 0) return fd;
  if (fd >= 0) (void)sys(__NR_close, fd);
  return result;
}

}  // namespace

long openDoor(const PlanStep* step, PlanContext& context) {
  const long made = newFileSystem();
  if (made < 0) return made;
  const long fd = listenIn(made);
  if (fd < 0) {
    (void)sys(__NR_close, made);
    return fd;
  }
  const int sent = static_cast<int>(fd);
  const long result = context.outboundFd >= 0 ? sendDescriptors(context.outboundFd, &sent, 1) : 0;
  (void)sys(__NR_close, fd);
  const long tree = treeOfEntry(made);
  if (tree < 0) return tree;
  context.trees[step->a] = static_cast<int>(tree);
  return result;
}

}  // namespace uchroot
