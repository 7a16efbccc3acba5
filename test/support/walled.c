// A program that Landlock confines, and a process of the same user outside of the jail that helps it to get out.
//   walled outside WAY NAME SECRET  listens: at the path WAY it passes a descriptor of its root directory to whoever connects, at the
//                            abstract name NAME and on a TCP port it accepts; prints {"pid", "port", "address"}, waits for the end of stdin
//   walled try WAY NAME DIR PID PORT ADDRESS     tries to reach what is outside; DIR is a directory of the user's there
//   walled caps DIR          tries what capabilities give
//   walled tcp PORT OTHER    tries to connect to PORT, and to bind to it and to OTHER, in each way
//   walled moved SECRET      goes to /tmp/leave, waits for a line, opens ../SECRET
//   walled files DIR...      tries to read, write and execute in each directory
// The result of each attempt is 0 or an errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/random.h>

static const char *separator = "{";

static void tell(const char *name, long long result) {
  printf("%s\"%s\":%lld", separator, name, result);
  separator = ",";
}

#define TRY(name, call) tell(name, (errno = 0, (long)(call)) < 0 ? errno : 0)

static void check(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(99);
}

// A path, or an abstract name if `first` is NUL.
static socklen_t unix_address(struct sockaddr_un *address, const char *name, int abstract) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path + abstract, name, sizeof address->sun_path - 2);
  return offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract;
}

static int unix_socket(int type, const char *name, int abstract, int (*use)(int, const struct sockaddr *, socklen_t)) {
  struct sockaddr_un address;
  const socklen_t size = unix_address(&address, name, abstract);
  const int fd = socket(AF_UNIX, type, 0);
  return use(fd, (struct sockaddr *)&address, size) < 0 ? -1 : fd;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int tcp(int protocol, int port, int (*use)(int, const struct sockaddr *, socklen_t)) {
  const struct sockaddr_in address = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM, protocol);
  if (fd < 0) return -1;
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  return use(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static void pass(int connection, int fd) {
  char control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec data = {"x", 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  sendmsg(connection, &message, 0);
}

static int receive(int connection) {
  char control[CMSG_SPACE(sizeof(int))] = {0};
  char byte;
  struct iovec data = {&byte, 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(connection, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

// Whether there is a descriptor, without leaving it open: a file that is open for writing cannot be executed.
static int opened(int fd) {
  const int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return fd < 0 ? -1 : 0;
}

static char secret[8] = "secret";

static void outside(const char *way, const char *name) {
  struct pollfd wait[] = {{unix_socket(SOCK_STREAM, way, 0, bind), POLLIN, 0},
                          {unix_socket(SOCK_STREAM, name, 1, bind), POLLIN, 0},
                          {tcp(0, 0, bind), POLLIN, 0},
                          {0, POLLIN, 0}};
  for (int i = 0; i < 3; i++) check(listen(wait[i].fd, 9) == 0, "listen");
  struct sockaddr_in bound;
  socklen_t size = sizeof bound;
  check(getsockname(wait[2].fd, (struct sockaddr *)&bound, &size) == 0, "getsockname");
  const int root = open("/", O_RDONLY | O_DIRECTORY);
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);  // Yama would refuse it (ptrace(2))
  tell("pid", getpid());
  tell("port", ntohs(bound.sin_port));
  tell("address", (intptr_t)secret);
  puts("}");
  fflush(stdout);
  for (;;) {
    poll(wait, 4, -1);
    if (wait[3].revents) return;
    for (int i = 0; i < 3; i++) {
      if (!wait[i].revents) continue;
      const int connection = accept(wait[i].fd, NULL, NULL);
      if (i == 0) pass(connection, root);
      close(connection);
    }
  }
}

// The errno of an execution, in a child.
static int execute(int directory, const char *program) {
  const pid_t child = fork();
  if (child == 0) {
    char *argv[] = {"probe", "exit", "0", NULL};
    syscall(SYS_execveat, directory, program, argv, NULL, 0);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

// `root` is a descriptor of the host's root directory, `directory` a path from there on.
static void by_descriptor(int root, const char *directory) {
  char path[4096];
#define AT(name) (snprintf(path, sizeof path, "%s/%s", directory, name), path)
  TRY("read", openat(root, AT("secret"), O_RDONLY));
  TRY("list", openat(root, directory, O_RDONLY | O_DIRECTORY));
  TRY("write", openat(root, AT("secret"), O_WRONLY));
  TRY("create", openat(root, AT("created"), O_WRONLY | O_CREAT, 0600));
  TRY("make a directory", mkdirat(root, AT("made"), 0700));
  TRY("make a link", symlinkat("/", root, AT("link")));
  TRY("make a socket", mknodat(root, AT("socket"), S_IFSOCK | 0600, 0));
  TRY("link out", linkat(AT_FDCWD, "/tmp/own", root, AT("own"), 0));
  TRY("rename out", renameat(AT_FDCWD, "/tmp/own", root, AT("owned")));
  TRY("rename in", renameat(root, AT("other"), AT_FDCWD, "/tmp/other"));
  TRY("remove", unlinkat(root, AT("removed"), 0));
  TRY("execute", execute(root, AT("probe")));
  TRY("look at the status", faccessat(root, AT("secret"), F_OK, 0));
  TRY("change the mode", fchmodat(root, AT("secret"), 0600, 0));
  TRY("go there", fchdir(root));
  TRY("truncate", truncate(AT("secret"), 1));
  TRY("connect to a path", unix_socket(SOCK_STREAM, AT("way"), 0, connect));
  check(chdir("/") == 0, "chdir");
}

static void by_process(pid_t pid, void *address, const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "/proc/%d/root/%s/secret", pid, directory);
  TRY("read by /proc/PID/root", open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/%d/environ", pid);
  TRY("read an environment", open(path, O_RDONLY));
  TRY("signal", kill(pid, SIGCONT));
  const int pidfd = syscall(SYS_pidfd_open, pid, 0);
  TRY("signal by descriptor", syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0));
  char bytes[8];
  struct iovec own = {bytes, sizeof bytes}, other = {address, sizeof bytes};
  TRY("read memory", process_vm_readv(pid, &own, 1, &other, 1, 0));
  TRY("take a descriptor", syscall(SYS_pidfd_getfd, pidfd, 0, 0));
  TRY("trace", ptrace(PTRACE_SEIZE, pid, 0, 0));
  kill(pid, SIGCONT);
}

static void by_device(void) {
  int entropy, number;
  TRY("ioctl on a device", ioctl(open("/dev/random", O_RDONLY), RNDGETENTCNT, &entropy));
  TRY("ioctl on a terminal", ioctl(open("/dev/ptmx", O_RDWR), TIOCGPTN, &number));
}

static void own_processes(void) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  TRY("trace an own process", ptrace(PTRACE_SEIZE, child, 0, 0));
  TRY("signal to an own process", kill(child, SIGKILL));
  unix_socket(SOCK_DGRAM, "of its own", 1, bind);
  TRY("own abstract socket", unix_socket(SOCK_DGRAM, "of its own", 1, connect));
}

static void by_capability(const char *directory) {
  char path[4096];
  TRY("device", mknod("/tmp/device", S_IFCHR | 0666, makedev(1, 3)));
  TRY("mount", mount("tmpfs", "/dir", "tmpfs", 0, NULL));
  struct {
    struct file_handle handle;
    char bytes[128];
  } found = {.handle = {.handle_bytes = 128}};
  int mount_id;
  TRY("handle", name_to_handle_at(AT_FDCWD, "/tmp", &found.handle, &mount_id, 0));
  const int jail = open("/", O_RDONLY);
  TRY("open by handle", open_by_handle_at(jail, &found.handle, O_RDONLY));
  // chroot(2): the working directory stays, outside of the new root
  mkdir("/tmp/sub", 0700);
  TRY("chroot", chroot("/tmp/sub"));
  for (int i = 0; i < 64; i++) check(chdir("..") == 0, "chdir");
  TRY("chroot again", chroot("."));
  snprintf(path, sizeof path, "/%s/secret", directory);
  TRY("read after a chroot out", open(path, O_RDONLY));
  TRY("list after a chroot out", open("/", O_RDONLY | O_DIRECTORY));
}

static int fast_open(int port, int call) {
  const struct sockaddr_in address = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct iovec data = {"x", 1};
  struct mmsghdr message = {
      .msg_hdr = {.msg_name = (void *)&address, .msg_namelen = sizeof address, .msg_iov = &data, .msg_iovlen = 1}};
  if (call == SYS_sendto) return sendto(fd, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&address, sizeof address);
  if (call == SYS_sendmsg) return sendmsg(fd, &message.msg_hdr, MSG_FASTOPEN);
  return sendmmsg(fd, &message, 1, MSG_FASTOPEN);
}

static int listens(int fd) { return fd < 0 || listen(fd, 1) < 0 ? -1 : opened(fd); }

#if defined(__x86_64__)
static long call32(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  errno = result < 0 ? (int)-result : 0;
  return result < 0 ? -1 : result;
}
#endif

static void by_tcp(int port, int other) {
  enum { MPTCP = 262, SMC = 256, AF_SMC_FAMILY = 43 };
  TRY("connect", opened(tcp(0, port, connect)));
  TRY("connect as tcp", opened(tcp(IPPROTO_TCP, port, connect)));
  TRY("bind", listens(tcp(0, other, bind)));
  TRY("connect by multipath", opened(tcp(MPTCP, port, connect)));
  TRY("bind by multipath", opened(tcp(MPTCP, other, bind)));
  TRY("multipath with a high bit", syscall(SYS_socket, AF_INET, SOCK_STREAM, MPTCP | 1ul << 32));
  TRY("fast open by sendto", fast_open(port, SYS_sendto));
  TRY("fast open by sendmsg", fast_open(port, SYS_sendmsg));
  TRY("fast open by sendmmsg", fast_open(port, SYS_sendmmsg));
  TRY("smc", socket(AF_SMC_FAMILY, SOCK_STREAM, 0));
  TRY("smc of inet", opened(tcp(SMC, port, connect)));
  char parameters[120] = {0};
  TRY("io_uring", syscall(SYS_io_uring_setup, 1, parameters));
  TRY("udp", socket(AF_INET, SOCK_DGRAM, 0));
  TRY("unix", socket(AF_UNIX, SOCK_STREAM, 0));
  TRY("unbound listen", listens(socket(AF_INET, SOCK_STREAM, 0)));
#if defined(__x86_64__)
  TRY("i386 multipath", call32(359, AF_INET, SOCK_STREAM, MPTCP));
  TRY("i386 socketcall", call32(102, 1, 0, 0));
  TRY("i386 tcp", call32(359, AF_INET, SOCK_STREAM, 0));
#endif
}

static void moved(const char *file) {
  char path[4096];
  check(chdir("/tmp/leave") == 0, "chdir");
  puts("ready");
  fflush(stdout);
  check(getchar() != EOF, "getchar");
  snprintf(path, sizeof path, "../%s", file);
  TRY("read", open(path, O_RDONLY));
}

static void files(char **directories) {
  for (; *directories; directories++) {
    char path[4096], name[4096];
#define IN(file) (snprintf(path, sizeof path, "%s/%s", *directories, file), path)
#define NAMED(what) (snprintf(name, sizeof name, "%s %s", what, *directories), name)
    TRY(NAMED("read"), opened(open(IN("probe"), O_RDONLY)));
    TRY(NAMED("write"), opened(open(IN("probe"), O_WRONLY)));
    TRY(NAMED("execute"), execute(AT_FDCWD, IN("probe")));
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "outside") == 0 && argc == 4) {
    outside(argv[2], argv[3]);
    return 0;
  }
  if (strcmp(what, "try") == 0 && argc == 8) {
    const int root = receive(unix_socket(SOCK_STREAM, argv[2], 0, connect));
    check(root >= 0, "the descriptor of the root directory");
    const pid_t pid = atoi(argv[5]);
    by_descriptor(root, argv[4]);
    TRY("connect to an abstract name", unix_socket(SOCK_STREAM, argv[3], 1, connect));
    TRY("connect to a port", tcp(0, atoi(argv[6]), connect));
    by_process(pid, (void *)strtol(argv[7], NULL, 10), argv[4]);
    by_device();
    own_processes();
  } else if (strcmp(what, "caps") == 0 && argc == 3) {
    by_capability(argv[2]);
  } else if (strcmp(what, "tcp") == 0 && argc == 4) {
    by_tcp(atoi(argv[2]), atoi(argv[3]));
  } else if (strcmp(what, "moved") == 0 && argc == 3) {
    moved(argv[2]);
  } else if (strcmp(what, "files") == 0) {
    files(argv + 2);
  } else {
    return 98;
  }
  puts("}");
  return 0;
}
