// A program that executes its arguments as instructions, one after the other.
//   out=TEXT err=TEXT       writes TEXT
//   spam=N                  writes N bytes to standard output
//   cat | cat=FD            copies standard input, or FD, to standard output
//   sleep=MS                sleeps, even if signals arrive
//   ignore=N default=N      ignores signal N, and stops ignoring it
//   fork=MS                 starts a child that sleeps, with all descriptors
//   daemon=MS               the same, in a new session, which it has begun when the next instruction does
//   storm=MS                stops and continues all other processes of its user, over and over
//   touch=FILE              creates FILE
//   fds                     prints the numbers of the open descriptors
//   exit=N kill=N           ends with this status, or by this signal
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  dprintf(2, "actor: %s: %s\n", what, strerror(errno));
  _exit(120);
}

static void put(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    const ssize_t wrote = write(fd, bytes, count);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail("write");
    bytes += wrote;
    count -= (size_t)wrote;
  }
}

static void copy(int fd) {
  char buffer[65536];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read");
    if (got == 0) return;
    put(1, buffer, (size_t)got);
  }
}

static void rest(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) < 0 && errno == EINTR) {
  }
}

static void spam(long count) {
  static char block[65536];
  memset(block, 'x', sizeof block);
  for (; count > 0; count -= (long)sizeof block) {
    put(1, block, count < (long)sizeof block ? (size_t)count : sizeof block);
  }
}

static void leaveChild(long ms) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    rest(ms);
    _exit(0);
  }
}

static void leaveDaemon(long ms) {
  int ends[2];
  char none;
  if (pipe(ends) < 0) fail("pipe");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  close(ends[child > 0]);
  if (child > 0) {
    while (read(ends[0], &none, 1) < 0 && errno == EINTR) {
    }
    close(ends[0]);
    return;
  }
  if (setsid() < 0) fail("setsid");
  close(ends[1]);
  rest(ms);
  _exit(0);
}

static void storm(long ms) {
  struct timespec now, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += ms / 1000;
  do {
    for (int i = 0; i < 50; i++) {
      kill(-1, SIGSTOP);
      rest(1);
      if (i % 10 == 0) kill(-1, SIGCONT);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
  kill(-1, SIGCONT);
}

static void perform(const char *word, const char *value) {
  const long number = strtol(value, NULL, 10);
  if (strcmp(word, "out") == 0) put(1, value, strlen(value));
  else if (strcmp(word, "err") == 0) put(2, value, strlen(value));
  else if (strcmp(word, "spam") == 0) spam(number);
  else if (strcmp(word, "cat") == 0) copy((int)number);
  else if (strcmp(word, "sleep") == 0) rest(number);
  else if (strcmp(word, "ignore") == 0) signal((int)number, SIG_IGN);
  else if (strcmp(word, "default") == 0) signal((int)number, SIG_DFL);
  else if (strcmp(word, "fork") == 0) leaveChild(number);
  else if (strcmp(word, "daemon") == 0) leaveDaemon(number);
  else if (strcmp(word, "storm") == 0) storm(number);
  else if (strcmp(word, "touch") == 0) {
    if (open(value, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0) fail(value);
  } else if (strcmp(word, "fds") == 0) {
    for (int fd = 0; fd < 65536; fd++) {
      if (fcntl(fd, F_GETFD) >= 0) dprintf(1, "%d ", fd);
    }
  } else if (strcmp(word, "exit") == 0) _exit((int)number);
  else if (strcmp(word, "kill") == 0) {
    kill(getpid(), (int)number);
    rest(10000);
  } else {
    errno = EINVAL;
    fail(word);
  }
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    if (equals) *equals = 0;
    perform(argv[i], equals ? equals + 1 : "0");
  }
  return 0;
}
