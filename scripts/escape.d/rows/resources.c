/* What a program can use up, and what it can take before others. */
#include "row.h"
#include <linux/ioprio.h>
#include <sys/inotify.h>
#include <sys/resource.h>

ROW("processes", "starts 400 processes", "getrlimit(2), cgroups(7)") {
  int count = 0, error = 0;
  static pid_t children[400];
  for (; count < 400; count++) {
    children[count] = fork();
    if (children[count] == 0) {
      pause();
      _exit(0);
    }
    if (children[count] < 0) break;
  }
  error = errno;
  for (int i = 0; i < count; i++) kill(children[i], SIGKILL);
  for (int i = 0; i < count; i++) waitpid(children[i], 0, 0);
  errno = error;
  if (count < 400) failed("fork");
  broke("it has 400");
}
ROW("open-files", "opens 2000 files", "getrlimit(2), RLIMIT_NOFILE") {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int i = 0; i < 2000; i++) need("dup", dup(1));
  broke("it has 2000");
}
ROW("disk", "writes 32 MB into the jail's /tmp", "quotas, tmpfs(5)") {
  static char bytes[1 << 20];
  int fd = (int)need("open", open("/tmp", O_TMPFILE | O_WRONLY, 0600));
  for (int i = 0; i < 32; i++) need("write", write(fd, bytes, sizeof bytes));
  broke("they are there");
}
ROW("small-files", "makes 9000 files in the jail's /tmp", "tmpfs(5), nr_inodes") {
  for (int i = 0; i < 9000; i++) {
    char name[40];
    snprintf(name, sizeof name, "/tmp/small-%d", i);
    int fd = open(name, O_CREAT | O_WRONLY, 0600), error = errno;
    if (fd >= 0) close(fd);
    if (fd >= 0 && i < 8999) continue;
    for (int each = 0; each <= i; each++) {
      snprintf(name, sizeof name, "/tmp/small-%d", each);
      unlink(name);
    }
    errno = error;
    need("open", fd);
  }
  broke("they were there");
}
ROW("locked-memory", "locks 64 MB of memory", "mlock(2)") {
  size_t size = 64 << 20;
  void *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  need("mlock", mlock(memory, size));
  broke("they are locked");
}
ROW("watches", "uses up the watches of its user", "inotify(7)") {
  int count = 0;
  while (count < 1000 && inotify_init1(0) >= 0) count++;
  if (count < 100) failed("inotify_init1");
  broke("it has %d, and then: %s", count, strerrorname_np(errno));
}
ROW("hard-limit", "raises a hard limit", "setrlimit(2), CAP_SYS_RESOURCE") {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max++;
  need("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
  broke("it is %lu", (unsigned long)limit.rlim_max);
}
ROW("better-priority", "takes the processor before others", "setpriority(2)") {
  need("setpriority", setpriority(PRIO_PROCESS, 0, -5));
  broke("its nice value is -5");
}
ROW("real-time", "keeps the processor from all others", "sched(7), SCHED_FIFO") {
  need("sched_setscheduler", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
  broke("its policy is SCHED_FIFO");
}
ROW("disk-before-others", "takes the disk before others", "ioprio_set(2)") {
  CALL(ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0));
  broke("its class is real-time");
}
ROW("never-killed", "is never killed when memory runs out", "proc_pid_oom_score_adj(5)") {
  int fd = (int)need("open", open("/proc/self/oom_score_adj", O_WRONLY));
  need("write", write(fd, "-900", 4));
  broke("its score is lower");
}
ROW("memory", "uses 384 MB of memory", "cgroups(7), memory") {
  size_t size = 384 << 20;
  char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) failed("mmap");
  broke("it has them");
}

ROW("core", "writes a core file, or starts the host's program for that", "core(5)") {
  struct rlimit limit;
  getrlimit(RLIMIT_CORE, &limit);
  if (limit.rlim_max == 0) held("the hard limit is 0");
  broke("the hard limit is not 0");
}
