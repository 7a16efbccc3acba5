// The least that a launch can cost: vfork, chroot, drop, exec; the exit by polling a pidfd. Looks up, verifies and closes
// nothing. Also times whole commands, because a small process forks at no cost.
//
//   floor JAIL UID GID PROGRAM      then one order a line on stdin, its words separated by tabs:
//     latency N                     nanoseconds from vfork to the collected status, N times
//     throughput C MILLISECONDS     launches and nanoseconds, with C programs at once
//     command N PROGRAM ARGUMENT…   nanoseconds of a command, outside the jail, its output discarded, N times
//
// Answers each order with one line. If a program ends with a status other than 0, it exits with 1.
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_LIVE 64
#define MAX_WORDS 32

static const char *jail;
static uid_t uid;
static gid_t gid;
extern char **environ;

static int64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

// A pidfd of the started program.
static int start(char **argv, bool jailed) {
  const pid_t pid = vfork();
  if (pid == 0) {
    if (jailed && (chroot(jail) || chdir("/") || setgroups(0, NULL) || setresgid(gid, gid, gid) ||
                   setresuid(uid, uid, uid))) {
      _exit(125);
    }
    // the answers go there
    if (!jailed) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execve(argv[0], argv, environ);
    _exit(126);
  }
  if (pid < 0) die("vfork");
  const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) die("pidfd_open");
  return fd;
}

static void finish(int fd) {
  siginfo_t info = {0};
  if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) != 0) die("waitid");
  if (info.si_code != CLD_EXITED || info.si_status != 0) {
    fprintf(stderr, "floor: a program ended with %d\n", info.si_status);
    exit(1);
  }
  close(fd);
}

static void measure(char **argv, bool jailed, long count) {
  for (long i = 0; i < count; i++) {
    const int64_t before = now();
    struct pollfd ended = {start(argv, jailed), POLLIN, 0};
    if (poll(&ended, 1, -1) != 1) die("poll");
    finish(ended.fd);
    printf(i == 0 ? "%ld" : "\t%ld", (long)(now() - before));
  }
  printf("\n");
}

static void storm(char **argv, int concurrency, long milliseconds) {
  struct pollfd live[MAX_LIVE];
  const int64_t before = now(), end = before + milliseconds * 1000000;
  long count = 0;
  int running = 0;
  for (; running < concurrency; running++) live[running] = (struct pollfd){start(argv, true), POLLIN, 0};
  while (running > 0) {
    if (poll(live, (nfds_t)running, -1) < 1) die("poll");
    for (int i = running - 1; i >= 0; i--) {
      if (!live[i].revents) continue;
      finish(live[i].fd);
      count++;
      if (now() < end) live[i].fd = start(argv, true);
      else live[i] = live[--running];
    }
  }
  printf("%ld\t%ld\n", count, (long)(now() - before));
}

int main(int argc, char **argv) {
  if (argc < 5) return 125;
  jail = argv[1];
  uid = (uid_t)atol(argv[2]);
  gid = (gid_t)atol(argv[3]);
  char *line = NULL;
  size_t room = 0;
  for (ssize_t size; (size = getline(&line, &room, stdin)) > 0;) {
    if (line[size - 1] == '\n') line[size - 1] = 0;
    char *words[MAX_WORDS + 1] = {0};
    int count = 0;
    for (char *word = strtok(line, "\t"); word && count < MAX_WORDS; word = strtok(NULL, "\t")) words[count++] = word;
    if (count == 2 && !strcmp(words[0], "latency")) measure(argv + 4, true, atol(words[1]));
    else if (count == 3 && !strcmp(words[0], "throughput") && atoi(words[1]) <= MAX_LIVE)
      storm(argv + 4, atoi(words[1]), atol(words[2]));
    else if (count >= 3 && !strcmp(words[0], "command")) measure(words + 2, false, atol(words[1]));
    else return 125;
    fflush(stdout);
  }
  return 0;
}
