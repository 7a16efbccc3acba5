// The program in the jail. It reports what it has inherited, by system calls alone, or it tries to escape.
//   probe state           prints everything that a program can be started with, as one JSON object
//   probe brief           the same without the descriptors: counting them takes long under strace
//   probe escape          prints one JSON object: the result of each attempt, 0 or an errno
//   probe escape own      the same without calls of 32-bit programs, by which some filters kill
//   probe wait            does the same as state, then waits until stdin ends
//   probe mark FILE       creates FILE: proof that the program ran
//   probe exit N | kill N ends with this status, or by this signal
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

static const char *separator = "";

static void key(const char *name) {
  printf("%s\"%s\":", separator, name);
  separator = ",";
}

static void number(const char *name, long long value) {
  key(name);
  printf("%lld", value);
}

static void hex(const char *name, unsigned long long value) {
  key(name);
  printf("\"%llx\"", value);
}

static void ids(const char *name, unsigned r, unsigned e, unsigned s, unsigned fs) {
  key(name);
  printf("[%u,%u,%u,%u]", r, e, s, fs);
}

static void bytes(const char *text) {
  putchar('"');
  for (; *text; text++) printf("%02x", (unsigned char)*text);
  putchar('"');
}

static void strings(const char *name, char **list) {
  key(name);
  putchar('[');
  for (int i = 0; list[i]; i++) {
    if (i) putchar(',');
    bytes(list[i]);
  }
  putchar(']');
}

static void credentials(void) {
  uid_t ru, eu, su;
  gid_t rg, eg, sg;
  getresuid(&ru, &eu, &su);
  getresgid(&rg, &eg, &sg);
  ids("uid", ru, eu, su, (unsigned)syscall(SYS_setfsuid, -1));
  ids("gid", rg, eg, sg, (unsigned)syscall(SYS_setfsgid, -1));
  static gid_t groups[65536];
  const int count = getgroups(65536, groups);
  key("groups");
  putchar('[');
  for (int i = 0; i < count; i++) printf("%s%u", i ? "," : "", groups[i]);
  putchar(']');

  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  syscall(SYS_capget, &header, data);
  hex("effective", data[0].effective | (uint64_t)data[1].effective << 32);
  hex("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
  hex("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
  uint64_t bounding = 0, ambient = 0;
  for (int i = 0; i < 64; i++) {
    if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) bounding |= 1ull << i;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) == 1) ambient |= 1ull << i;
  }
  hex("bounding", bounding);
  hex("ambient", ambient);
  number("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  number("noNewPrivs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  number("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  // The key that odd-caller puts into its session keyring: its number, or an errno.
  const long found = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "of the caller", 0);
  number("key", found < 0 ? -errno : found);
}

static void signals(void) {
  uint64_t blocked = 0, ignored = 0, pending = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, 8);
  syscall(SYS_rt_sigpending, &pending, 8);
  for (int i = 1; i <= 64; i++) {
    struct {
      uint64_t handler, flags, restorer, mask;
    } action = {0};
    if (syscall(SYS_rt_sigaction, i, NULL, &action, 8) == 0 && action.handler == 1) ignored |= 1ull << (i - 1);
  }
  hex("blocked", blocked);
  hex("ignored", ignored);
  hex("pending", pending);
}

static void limits(void) {
  static const char *const names[] = {"cpu",    "fsize",   "data", "stack", "core",       "rss",      "nproc", "nofile",
                                      "memlock", "as",     "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime"};
  key("rlimits");
  for (int i = 0; i < 16; i++) {
    struct rlimit limit;
    getrlimit(i, &limit);  // RLIM_INFINITY becomes -1
    printf("%s\"%s\":[%lld,%lld]", i ? "," : "{", names[i], (long long)limit.rlim_cur, (long long)limit.rlim_max);
  }
  putchar('}');
}

static void scheduling(void) {
  number("nice", getpriority(PRIO_PROCESS, 0));
  number("policy", sched_getscheduler(0));
  number("ioprio", syscall(SYS_ioprio_get, 1, 0));
  number("personality", personality(0xffffffff));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  number("cpus", CPU_COUNT(&cpus));
  key("timers");
  for (int i = 0; i < 3; i++) {
    struct itimerval timer;
    getitimer(i, &timer);
    printf("%s%ld", i ? "," : "[", (long)(timer.it_value.tv_sec + timer.it_interval.tv_sec));
  }
  putchar(']');
  int signal = -1, subreaper = -1;
  prctl(PR_GET_PDEATHSIG, &signal);
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  number("parentDeathSignal", signal);
  number("subreaper", subreaper);
  number("timerSlack", prctl(PR_GET_TIMERSLACK));
  number("dumpable", prctl(PR_GET_DUMPABLE));
}

static void descriptors(int end) {
  key("fds");
  putchar('{');
  const char *between = "";
  for (int fd = 0; fd < end; fd++) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags < 0) continue;
    struct stat status = {0};
    fstat(fd, &status);
    printf("%s\"%d\":{\"cloexec\":%d,\"flags\":%d,\"type\":\"%o\"}", between, fd, flags, fcntl(fd, F_GETFL),
           status.st_mode & S_IFMT);
    between = ",";
  }
  putchar('}');
}

static void place(void) {
  char cwd[4096] = "";
  key("cwd");
  bytes(syscall(SYS_getcwd, cwd, sizeof cwd) < 0 ? strerror(errno) : cwd);
  const mode_t mask = umask(0);
  umask(mask);
  number("umask", mask);
  number("pid", getpid());
  number("ppid", getppid());
  number("sid", getsid(0));
  number("pgid", getpgid(0));
  int session = -1;
  for (int fd = 0; fd < 3 && session < 0; fd++)
    if (ioctl(fd, TIOCGSID, &session) < 0) session = -1;
  number("terminalSession", session);
}

static void state(char **argv, int fdsEnd) {
  putchar('{');
  credentials();
  signals();
  limits();
  scheduling();
  descriptors(fdsEnd);
  place();
  strings("argv", argv);
  strings("env", environ);
  puts("}");
  fflush(stdout);
}

#define TRY(name, call) number(name, (errno = 0, (long)(call)) < 0 ? errno : 0)

#if defined(__x86_64__)
// The other call tables of the machine: a filter that covers only one table gives no protection.
static long call32(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  errno = result < 0 ? (int)-result : 0;
  return result;
}
#endif

static void ioctls(bool otherTables) {
  static char letter = 'x';
  const unsigned long high = 1ul << 32;
  TRY("TIOCSTI", syscall(SYS_ioctl, 0, TIOCSTI, &letter));
  TRY("TIOCSTI with a high bit", syscall(SYS_ioctl, 0, TIOCSTI | high, &letter));
  TRY("TIOCLINUX", syscall(SYS_ioctl, 0, TIOCLINUX, &letter));
  TRY("TIOCLINUX with a high bit", syscall(SYS_ioctl, 0, TIOCLINUX | high, &letter));
#if defined(__x86_64__)
  if (!otherTables) return;
  TRY("x32 TIOCSTI", syscall(0x40000000 + 514, 0, TIOCSTI, &letter));
  TRY("x32 getpid", syscall(0x40000000 + SYS_getpid));
  TRY("i386 TIOCSTI", call32(54, 0, TIOCSTI, 0));
  TRY("i386 TIOCLINUX", call32(54, 0, TIOCLINUX, 0));
  TRY("i386 add_key", call32(286, 0, 0, 0));
  TRY("i386 request_key", call32(287, 0, 0, 0));
  TRY("i386 keyctl", call32(288, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
#endif
}

static void escape(bool otherTables) {
  putchar('{');
  TRY("setuid", syscall(SYS_setuid, 0));
  TRY("setreuid", syscall(SYS_setreuid, 0, 0));
  TRY("setresuid", syscall(SYS_setresuid, 0, 0, 0));
  TRY("setgid", syscall(SYS_setgid, 0));
  TRY("setresgid", syscall(SYS_setresgid, 0, 0, 0));
  const gid_t root = 0;
  TRY("setgroups", syscall(SYS_setgroups, 1, &root));
  TRY("setgroups to none", syscall(SYS_setgroups, 0, NULL));
  syscall(SYS_setfsuid, 0);
  number("fsuid", syscall(SYS_setfsuid, -1));
  TRY("chroot", chroot("."));
  TRY("unshare of a user namespace", unshare(CLONE_NEWUSER));
  TRY("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
  TRY("mknod of a block device", mknod("/tmp/sda", S_IFBLK | 0600, makedev(8, 0)));
  TRY("raised capability", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
  TRY("securebits", prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0));
  TRY("signal to the starter", kill(getppid(), 0));
  TRY("ptrace of the starter", ptrace(PTRACE_ATTACH, getppid(), 0, 0));
  TRY("add_key", syscall(SYS_add_key, "user", "probe", "x", 1, KEY_SPEC_SESSION_KEYRING));
  TRY("request_key", syscall(SYS_request_key, "user", "probe", NULL, 0));
  TRY("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
  TRY("keyctl join", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0));
  ioctls(otherTables);
  TRY("dot dot", open("../../../../../../etc/passwd", O_RDONLY));
  TRY("nice", setpriority(PRIO_PROCESS, 0, -1));
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  TRY("hard limit", setrlimit(RLIMIT_CORE, &unlimited) < 0 || setrlimit(RLIMIT_NOFILE, &unlimited) < 0 ? -1 : 0);
  puts("}");
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "state";
  if (strcmp(mode, "escape") == 0) return escape(argc == 2), 0;
  if (strcmp(mode, "mark") == 0) return argc > 2 && creat(argv[2], 0600) >= 0 ? 0 : 77;
  if (strcmp(mode, "exit") == 0) return argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(mode, "kill") == 0) return argc > 2 ? raise(atoi(argv[2])) : 0;
  state(argv, strcmp(mode, "brief") == 0 ? 0 : 70000);
  char end;
  if (strcmp(mode, "wait") == 0)
    while (read(0, &end, 1) > 0) continue;
  return 0;
}
