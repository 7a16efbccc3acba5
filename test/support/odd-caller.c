// odd-caller WORD... -- PROGRAM ARGUMENT...: puts itself into an odd state, word by word, and executes PROGRAM.
// Arguments and entries of env= that begin with hex: are bytes that no text can hold; fill:N is N letters.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

extern char **environ;

static const char *now = "";

static long check(long result) {
  if (result >= 0) return result;
  fprintf(stderr, "odd-caller: %s: %s\n", now, strerror(errno));
  exit(99);
}

static char *decode(char *text) {
  if (strncmp(text, "fill:", 5) == 0) {
    const size_t length = (size_t)atol(text + 5);
    char *filled = memset(malloc(length + 1), 'x', length);
    filled[length] = 0;
    return filled;
  }
  if (strncmp(text, "hex:", 4) != 0) return text;
  const char *from = text + 4;
  char *to = text;
  unsigned byte;
  while (sscanf(from, "%2x", &byte) == 1) *to++ = (char)byte, from += 2;
  *to = 0;
  return text;
}

static void openAs(const char *path, int flags, int fd) {
  const int opened = (int)check(open(path, flags, 0600));
  if (opened == fd) return;
  check(dup2(opened, fd));
  close(opened);
}

static void addEntry(char *entry) {
  static char *list[64];
  int count = 0;
  if (environ != list)
    for (; environ[count] && count < 32; count++) list[count] = environ[count];
  else
    while (list[count]) count++;
  list[count] = entry;
  environ = list;
}

// Raw calls: glibc skips the two signals that it uses itself.
static void blockSignals(void) {
  const uint64_t all = ~0ull;
  check(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
}

static void ignoreSignals(void) {
  const uint64_t ignore[4] = {1, 0, 0, 0};
  for (int i = 1; i <= 64; i++)
    if (i != SIGKILL && i != SIGSTOP) check(syscall(SYS_rt_sigaction, i, ignore, NULL, 8));
}

static void setTimers(void) {
  const struct itimerval timer = {{100, 0}, {100, 0}};
  for (int i = 0; i < 3; i++) check(setitimer(i, &timer, NULL));
}

static void raiseAmbient(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  check(syscall(SYS_capget, &header, data));
  for (int i = 0; i < 2; i++) data[i].inheritable = data[i].permitted;
  check(syscall(SYS_capset, &header, data));
  for (int i = 0; i < 64; i++)
    if (data[i / 32].permitted >> (i % 32) & 1) check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0));
  check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
}

// Like Docker's default filter: refuses these calls to everybody, root included.
static void refuseCalls(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_keyctl, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_add_key, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_request_key, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

// Of one protocol; -1: of all.
static void refuseNetlink(int protocol) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | (protocol < 0 ? BPF_JGE : BPF_JEQ) | BPF_K, protocol < 0 ? 0 : protocol, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
  };
  const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

static _Noreturn void passOn(int status) {
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// The program runs on a new terminal, as the leader of its session. Its output there is copied to standard output.
static void openTerminal(void) {
  int terminal, status;
  const int pid = (int)check(forkpty(&terminal, NULL, NULL, NULL));
  if (pid == 0) return;
  char buffer[4096];
  for (ssize_t got; (got = read(terminal, buffer, sizeof buffer)) > 0;) check(write(1, buffer, (size_t)got));
  check(waitpid(pid, &status, 0));
  passOn(status);
}

// The program runs as a shell starts a job: leader of a process group, in the foreground of the shell's terminal.
static void startJob(void) {
  int status;
  signal(SIGTTOU, SIG_IGN);
  const int pid = (int)check(fork());
  if (pid == 0) {
    check(setpgid(0, 0));
    tcsetpgrp(0, getpid());
    signal(SIGTTOU, SIG_DFL);
    return;
  }
  check(waitpid(pid, &status, 0));
  passOn(status);
}

static void addListenPid(void) {
  static char entry[32];
  snprintf(entry, sizeof entry, "LISTEN_PID=%d", getpid());
  addEntry(entry);
}

static void setSoft(int resource, rlim_t soft) {
  struct rlimit limit;
  check(getrlimit(resource, &limit));
  limit.rlim_cur = soft;
  check(setrlimit(resource, &limit));
}

static void addKey(void) {
  check(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0));
  check(syscall(SYS_add_key, "user", "of the caller", "secret", 6, KEY_SPEC_SESSION_KEYRING));
}

static void setOomScore(const char *value) {
  const int fd = (int)check(open("/proc/self/oom_score_adj", O_WRONLY));
  check(write(fd, value, strlen(value)));
  close(fd);
}

static void apply(char *word) {
  char *equals = strchr(word, '=');
  char *text = equals ? equals + 1 : "";
  const int value = atoi(text);
  const size_t length = equals ? (size_t)(equals - word) : strlen(word);
#define IS(name) (length == sizeof name - 1 && strncmp(word, name, length) == 0)
  if (IS("fds")) {
    for (int i = 0; i < value; i++) check(open("/dev/null", O_RDWR));
  } else if (IS("fd")) openAs("/dev/null", O_RDWR, value);
  else if (IS("rootfd")) openAs("/", O_RDONLY | O_DIRECTORY, value);
  else if (IS("readfd")) openAs("/dev/zero", O_RDONLY, value);
  else if (IS("close")) check(close(value));
  else if (IS("nonblock")) check(fcntl(value, F_SETFL, fcntl(value, F_GETFL) | O_NONBLOCK));
  else if (IS("cloexec")) check(fcntl(value, F_SETFD, FD_CLOEXEC));
  else if (IS("ignore")) ignoreSignals();
  else if (IS("block")) blockSignals();
  else if (IS("pending")) check(raise(SIGRTMAX));
  else if (IS("keyring")) addKey();
  else if (IS("umask")) umask((mode_t)strtol(text, NULL, 8));
  else if (IS("timers")) setTimers();
  else if (IS("persona")) check(personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC));
  else if (IS("nice")) check(setpriority(PRIO_PROCESS, 0, value));
  else if (IS("realtime")) check(sched_setscheduler(0, SCHED_RR, &(struct sched_param){1}));
  else if (IS("batch")) check(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}));
  else if (IS("ioprio")) check(syscall(SYS_ioprio_set, 1, 0, value));
  else if (IS("core")) setSoft(RLIMIT_CORE, RLIM_INFINITY);
  else if (IS("stack")) setSoft(RLIMIT_STACK, RLIM_INFINITY);
  else if (IS("nofile")) setSoft(RLIMIT_NOFILE, (rlim_t)value);
  else if (IS("groups")) check(setgroups(3, (const gid_t[]){0, 4, 27}));
  else if (IS("ambient")) raiseAmbient();
  else if (IS("locked")) check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED, 0, 0, 0));
  else if (IS("oom")) setOomScore(text);
  else if (IS("subreaper")) check(prctl(PR_SET_CHILD_SUBREAPER, 1));
  else if (IS("pdeathsig")) check(prctl(PR_SET_PDEATHSIG, SIGTERM));
  else if (IS("slack")) check(prctl(PR_SET_TIMERSLACK, value));
  else if (IS("nnp")) check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  else if (IS("filter")) refuseCalls();
  else if (IS("no-netlink")) refuseNetlink(equals ? value : -1);
  else if (IS("env")) addEntry(decode(text));
  else if (IS("listen")) addListenPid();
  else if (IS("pty")) openTerminal();
  else if (IS("job")) startJob();
  else errno = EINVAL, check(-1);
}

int main(int argc, char **argv) {
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) apply((char *)(now = argv[i]));
  for (int rest = ++i; rest < argc; rest++) argv[rest] = decode(argv[rest]);
  if (i >= argc) return 99;
  now = argv[i];
  // Not execvp: it would use the odd PATH.
  static const char *const places[] = {"", "/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"};
  for (size_t place = strchr(argv[i], '/') ? 0 : 1; place < sizeof places / sizeof *places; place++) {
    char path[4096];
    snprintf(path, sizeof path, "%s%s", places[place], argv[i]);
    execve(path, argv + i, environ);
    if (errno != ENOENT) break;
  }
  check(-1);
}
