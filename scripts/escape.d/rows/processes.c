/* Processes of the same user on the host. */
#include "row.h"
#include <linux/ioprio.h>
#include <linux/kcmp.h>
#include <linux/perf_event.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define VICTIM ((pid_t)number("victim"))
/* of host.c: a counter, the canary, the secret */
#define PLACE 0x700000000000
#define CANARY ((void *)(PLACE + 4))
#define SECRET ((void *)(PLACE + 68))

ROW("kill", "sends a signal", "kill(2)") {
  need("kill", kill(VICTIM, SIGURG));
  did("kill succeeded");
}

ROW("tgkill", "sends a signal to a thread", "tgkill(2)") {
  CALL(tgkill, VICTIM, VICTIM, SIGURG);
  did("tgkill succeeded");
}

ROW("queue-signal", "queues a signal with a value", "rt_sigqueueinfo(2)") {
  need("sigqueue", sigqueue(VICTIM, SIGURG, (union sigval){1}));
  did("sigqueue succeeded");
}

ROW("pidfd-signal", "sends a signal through a descriptor", "pidfd_send_signal(2)") {
  int fd = (int)CALL(pidfd_open, VICTIM, 0);
  CALL(pidfd_send_signal, fd, SIGURG, 0, 0);
  did("pidfd_send_signal succeeded");
}

ROW("kill-all", "sends a signal to all processes that it can reach", "kill(2), pid -1") {
  need("kill", kill(-1, SIGURG));
  did("kill succeeded");
}

ROW("kill-group", "sends a signal to the caller's process group", "kill(2), pid 0") {
  need("kill", kill(0, SIGURG));
  did("kill succeeded");
}

ROW("signal-by-file", "has the kernel send a signal for a file", "fcntl(2), F_SETOWN") {
  int ends[2];
  need("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  need("F_SETOWN", fcntl(ends[0], F_SETOWN, VICTIM));
  need("F_SETSIG", fcntl(ends[0], F_SETSIG, SIGURG));
  need("O_ASYNC", fcntl(ends[0], F_SETFL, O_ASYNC));
  need("write", write(ends[1], "x", 1));
  did("the file has data");
}

ROW("stop", "stops a process with ptrace", "ptrace(2), PTRACE_SEIZE") {
  need("ptrace", ptrace(PTRACE_SEIZE, VICTIM, 0, 0));
  broke("it is traced");
}

ROW("trace-and-write", "attaches to a process and changes its memory", "ptrace(2), PTRACE_POKEDATA") {
  need("ptrace", ptrace(PTRACE_ATTACH, VICTIM, 0, 0));
  waitpid(VICTIM, 0, __WALL);
  need("PTRACE_POKEDATA", ptrace(PTRACE_POKEDATA, VICTIM, CANARY, 0x64656b6f70));
  ptrace(PTRACE_DETACH, VICTIM, 0, 0);
  did("PTRACE_POKEDATA succeeded");
}

ROW("read-memory", "reads the memory of a process", "process_vm_readv(2)") {
  char bytes[64];
  struct iovec here = {bytes, sizeof bytes}, there = {SECRET, sizeof bytes};
  got(bytes, need("process_vm_readv", process_vm_readv(VICTIM, &here, 1, &there, 1, 0)));
}

ROW("write-memory", "writes the memory of a process", "process_vm_writev(2)") {
  struct iovec here = {"written", 8}, there = {CANARY, 8};
  need("process_vm_writev", process_vm_writev(VICTIM, &here, 1, &there, 1, 0));
  did("process_vm_writev succeeded");
}

ROW("memory-file", "reads the memory of a process as a file", "proc_pid_mem(5); CVE-2012-0056") {
  char bytes[64];
  int fd = (int)need("open", open(of_victim("mem"), O_RDONLY));
  got(bytes, need("pread", pread(fd, bytes, sizeof bytes, (off_t)SECRET)));
}

ROW("environment", "reads the environment of a process", "proc_pid_environ(5)") { read_secret(AT_FDCWD, of_victim("environ")); }

ROW("command-line", "reads the command line of a process", "proc_pid_cmdline(5)") { read_secret(AT_FDCWD, of_victim("cmdline")); }

ROW("take-descriptor", "takes a descriptor out of a process", "pidfd_getfd(2)") {
  int fd = (int)CALL(pidfd_open, VICTIM, 0);
  read_descriptor((int)CALL(pidfd_getfd, fd, 20, 0));
}

ROW("priority", "makes a process nicer", "setpriority(2)") {
  need("setpriority", setpriority(PRIO_PROCESS, (id_t)VICTIM, 7));
  did("setpriority succeeded");
}

ROW("priority-of-user", "makes all processes of its user nicer", "setpriority(2), PRIO_USER") {
  need("setpriority", setpriority(PRIO_USER, 0, 8));
  did("setpriority succeeded");
}

ROW("priority-of-group", "makes the caller's process group nicer", "setpriority(2), PRIO_PGRP") {
  need("setpriority", setpriority(PRIO_PGRP, 0, 9));
  did("setpriority succeeded");
}

ROW("priority-of-session", "makes the session of the caller nicer", "sched(7), the autogroup feature") {
  int fd = (int)need("open", open("/proc/self/autogroup", O_WRONLY));
  /* the kernel takes such a change from an ordinary user ten times a second, of all users together */
  long result = -1;
  for (int i = 0; i < 30 && (result = write(fd, "5", 1)) < 0 && errno == EAGAIN; i++) usleep(70000);
  need("write", result);
  did("it was written");
}

ROW("processors", "confines a process to one processor", "sched_setaffinity(2)") {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  need("sched_setaffinity", sched_setaffinity(VICTIM, sizeof one, &one));
  did("sched_setaffinity succeeded");
}

ROW("policy", "changes the scheduling policy of a process", "sched_setscheduler(2)") {
  need("sched_setscheduler", sched_setscheduler(VICTIM, SCHED_BATCH, &(struct sched_param){0}));
  did("sched_setscheduler succeeded");
}

ROW("disk-priority", "changes the disk priority of a process", "ioprio_set(2)") {
  CALL(ioprio_set, IOPRIO_WHO_PROCESS, VICTIM, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
  did("ioprio_set succeeded");
}

ROW("limits", "lowers a limit of a process", "prlimit(2)") {
  struct rlimit limit = {40, 40};
  need("prlimit", prlimit(VICTIM, RLIMIT_NOFILE, &limit, 0));
  did("prlimit succeeded");
}

ROW("out-of-memory-score", "makes a process the first to be killed", "proc_pid_oom_score_adj(5)") {
  int fd = (int)need("open", open(of_victim("oom_score_adj"), O_WRONLY));
  need("write", write(fd, "900", 3));
  did("it was written");
}

ROW("compare", "compares kernel objects of a process", "kcmp(2)") {
  long same = CALL(kcmp, VICTIM, getpid(), KCMP_FILE, 0, 0);
  broke("kcmp answered %ld", same);
}

ROW("robust-list", "asks where a process has its locks", "get_robust_list(2)") {
  void *head;
  size_t size;
  CALL(get_robust_list, VICTIM, &head, &size);
  if (!head) broke("get_robust_list answered");
  broke("the list is at %p", head);
}

ROW("advise", "pushes the memory of a process out", "process_madvise(2)") {
  int fd = (int)CALL(pidfd_open, VICTIM, 0);
  struct iovec there = {(void *)PLACE, 4096};
  CALL(process_madvise, fd, &there, 1, 20 /* MADV_COLD */, 0);
  broke("process_madvise succeeded");
}

ROW("observe", "observes a process with the counters of the processor", "perf_event_open(2)") {
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .config = PERF_COUNT_SW_TASK_CLOCK};
  event.exclude_kernel = 1;
  CALL(perf_event_open, &event, VICTIM, -1, -1, 0);
  broke("its counter is open");
}

ROW("existence", "asks whether a process of the host exists", "kill(2), signal 0") {
  need("kill", kill(VICTIM, 0));
  /* a process of its own pid namespace may have that number */
  if (getsid(VICTIM) == VICTIM) broke("it is there");
  held("another process has its number");
}

ROW("process-left", "leaves a process that goes on after the launch", "pid_namespaces(7)") {
  if (fork() == 0) {
    setsid();
    signal(SIGHUP, SIG_IGN);
    for (int fd = 0; fd < 1024; fd++) close(fd);
    prctl(PR_SET_NAME, "escape-left");
    for (int i = 0; i < 300; i++) usleep(100000);
    _exit(0);
  }
  did("it was started");
}

ROW("trace-first-process", "traces process 1", "ptrace(2); CVE-2020-5291") {
  need("ptrace", ptrace(PTRACE_SEIZE, 1, 0, 0));
  broke("it is traced");
}

ROW("memory-of-first-process", "opens the memory of process 1", "proc_pid_mem(5)") { opens("/proc/1/mem", O_RDWR); }

ROW("descriptors-of-first-process", "takes a descriptor out of process 1", "pidfd_getfd(2); CVE-2024-21626") {
  int fd = (int)CALL(pidfd_open, 1, 0);
  CALL(pidfd_getfd, fd, 0, 0);
  broke("it has descriptor 0");
}

ROW("peer-of-socket", "takes a descriptor out of the process at the other end of its input", "SO_PEERPIDFD, pidfd_getfd(2)") {
  int fd = -1;
  socklen_t size = sizeof fd;
  need("SO_PEERPIDFD", getsockopt(0, SOL_SOCKET, 77, &fd, &size));
  CALL(pidfd_getfd, fd, 0, 0);
  broke("it has descriptor 0");
}
