/* The network of the host. */
#include "row.h"
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sys/time.h>

static struct sockaddr_in place(const char *address, int port) {
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, address, &there.sin_addr);
  return there;
}

static int patient(int fd) {
  struct timeval limit = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return fd;
}

static int open_socket(int family, int kind, int protocol) { return patient((int)need("socket", socket(family, kind, protocol))); }

static __attribute__((noreturn)) void read_answer(int fd) {
  char text[4096];
  got(text, need("read", read(fd, text, sizeof text)));
}

static __attribute__((noreturn)) void call_tcp(const char *address, int port, int protocol) {
  int fd = open_socket(AF_INET, SOCK_STREAM, protocol);
  struct sockaddr_in there = place(address, port);
  need("connect", connect(fd, (void *)&there, sizeof there));
  read_answer(fd);
}

/* Packets, until one has the secret. */
static __attribute__((noreturn)) void listen_for_secret(int fd) {
  ask("send");
  for (int i = 0; i < 20; i++) {
    char bytes[2048];
    long size = need("read", read(fd, bytes, sizeof bytes));
    if (memmem(bytes, (size_t)size, "SECRET-", 7)) got(bytes, size);
  }
  held("no packet of the host came");
}

ROW("loopback", "connects to a service on the host's loopback", "ip(7)") { call_tcp("127.0.0.1", 7001, 0); }
ROW("address", "connects to a service on an address of the host", "ip(7)") { call_tcp("192.0.2.7", 7003, 0); }
ROW("loopback-6", "connects to a service on the host's loopback of IPv6", "ipv6(7)") {
  int fd = open_socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 there = {.sin6_family = AF_INET6, .sin6_port = htons(7004), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  need("connect", connect(fd, (void *)&there, sizeof there));
  read_answer(fd);
}
ROW("multipath", "connects by a protocol that a filter may forget", "IPPROTO_MPTCP; landlock(7)") { call_tcp("127.0.0.1", 7001, 262); }
ROW("fast-open", "connects without connect", "tcp(7), TCP_FASTOPEN; landlock(7)") {
  int fd = open_socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in there = place("127.0.0.1", 7001);
  need("sendto", sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&there, sizeof there));
  read_answer(fd);
}
ROW("datagram", "sends a datagram to a service of the host", "udp(7)") {
  int fd = open_socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in there = place("127.0.0.1", 7002);
  need("sendto", sendto(fd, "x", 1, 0, (void *)&there, sizeof there));
  read_answer(fd);
}
ROW("listen", "answers clients of the host in its place", "bind(2)") {
  int fd = open_socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in here = place("127.0.0.1", 7100);
  need("bind", bind(fd, (void *)&here, sizeof here));
  need("listen", listen(fd, 1));
  ask("call");
  read_answer(patient((int)need("accept", accept(fd, 0, 0))));
}
ROW("abstract-socket", "connects to an abstract socket of the host", "unix(7); CVE-2020-15257") {
  int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = "\0escape-helper-0"};
  need("connect", connect(fd, (void *)&there, 2 + 16));
  read_answer(fd);
}
ROW("abstract-datagram", "sends a datagram to an abstract socket of the host", "unix(7)") {
  int fd = open_socket(AF_UNIX, SOCK_DGRAM, 0);
  struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = "\0escape-datagram"};
  need("sendto", sendto(fd, "x", 1, 0, (void *)&there, 2 + 16));
  did("sendto succeeded");
}
ROW("socket-file", "connects to a socket of the host by its path", "unix(7)") {
  int fd = open_socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un there = {.sun_family = AF_UNIX, .sun_path = HOST "/left/socket"};
  need("connect", connect(fd, (void *)&there, sizeof there));
  read_answer(fd);
}
ROW("sniff", "reads the packets of the host", "packet(7)") {
  listen_for_secret(open_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
}
ROW("raw-socket", "reads the datagrams of the host", "raw(7)") { listen_for_secret(open_socket(AF_INET, SOCK_RAW, IPPROTO_UDP)); }
ROW("interfaces", "sees the interfaces of the host", "netdevice(7)") {
  struct if_nameindex *names = if_nameindex();
  if (!names) failed("if_nameindex");
  for (; names->if_name; names++)
    if (strcmp(names->if_name, "escape0") == 0) broke("escape0 is there");
  held("none of the host is there");
}
ROW("interface-down", "switches an interface of the host off", "netdevice(7), SIOCSIFFLAGS") {
  int fd = open_socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq request = {.ifr_name = "escape0"};
  need("SIOCSIFFLAGS", ioctl(fd, SIOCSIFFLAGS, &request));
  did("SIOCSIFFLAGS succeeded");
}
ROW("new-interface", "makes an interface", "netdevice(7), SIOCBRADDBR") {
  int fd = open_socket(AF_INET, SOCK_DGRAM, 0);
  need("SIOCBRADDBR", ioctl(fd, SIOCBRADDBR, "escape1"));
  ask("look");
  ioctl(fd, SIOCBRDELBR, "escape1");
  did("SIOCBRADDBR succeeded");
}
ROW("tunnel", "makes an interface whose packets it reads and writes", "tun of the kernel's documentation") {
  int fd = (int)need("open", open("/dev/net/tun", O_RDWR));
  struct ifreq request = {.ifr_name = "escape2", .ifr_flags = IFF_TUN | IFF_NO_PI};
  need("TUNSETIFF", ioctl(fd, TUNSETIFF, &request));
  ask("look");
  did("TUNSETIFF succeeded");
}
ROW("socket-list", "lists the sockets of the host", "sock_diag(7)") {
  int fd = open_socket(AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG);
  struct {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
  } request = {{sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0},
               {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U}};
  need("send", send(fd, &request, sizeof request, 0));
  static char bytes[65536];
  long size = need("recv", recv(fd, bytes, sizeof bytes, 0));
  for (struct nlmsghdr *head = (void *)bytes; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size))
    if (head->nlmsg_type == SOCK_DIAG_BY_FAMILY && ntohs(((struct inet_diag_msg *)NLMSG_DATA(head))->id.idiag_sport) == 7001)
      broke("a socket of the host is listed");
  held("none of the host is listed");
}
ROW("socket-table", "reads the list of sockets as a file", "proc_pid_net(5)") {
  static char bytes[65536];
  int fd = (int)need("open", open("/proc/net/tcp", O_RDONLY));
  long size = need("read", read(fd, bytes, sizeof bytes));
  if (memmem(bytes, (size_t)size, ":1B59 ", 6)) broke("a socket of the host is listed");
  held("none of the host is listed");
}
ROW("virtual-machine-socket", "opens a socket to the host of the virtual machine", "vsock(7); CVE-2021-26708") {
  need("socket", socket(40, SOCK_STREAM, 0));
  broke("the socket is open");
}
