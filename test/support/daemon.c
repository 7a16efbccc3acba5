// A service for the tests of units. It executes its words as instructions, one after the other.
//   say=TEXT     prints a line on stderr
//   notify=TEXT  sends TEXT to the service manager (sd_notify(3))
//   ready=FD     writes a newline to FD and closes it (s6, "Service startup notifications")
//   log=TEXT     sends TEXT to syslog(3)
//   reload=TEXT  prints TEXT on each SIGHUP from now on
//   args=FILE    writes all its arguments to FILE, each with its NUL, and ends
//   alive        tells the watchdog that it is alive as often as required, until SIGUSR1
//   serve        answers each connection to descriptor 3 with its pid and uid
//   echo         copies its standard input to its standard output
//   exit=N       ends with this status
//   fork         continues as a child in a new session; the parent ends with 0
//   env=NAME     prints the value of a variable
//   deaf         ignores SIGTERM from now on
//   wait         waits until a signal ends it
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *reloadText;
static volatile sig_atomic_t hangs;

static void fail(const char *what) {
  dprintf(2, "daemon: %s: %s\n", what, strerror(errno));
  _exit(9);
}

static void onReload(int signal) {
  (void)signal;
  dprintf(2, "%s\n", reloadText);
}

static void onHang(int signal) {
  (void)signal;
  hangs = 1;
}

static void notify(const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("NOTIFY_SOCKET");
  if (!path) {
    dprintf(2, "daemon: no NOTIFY_SOCKET\n");
    _exit(9);
  }
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path);
  if (fd < 0 || sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, size) < 0) fail(path);
  close(fd);
}

static void rest(long us) {
  const struct timespec time = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&time, NULL);
}

static void stayAlive(void) {
  const char *us = getenv("WATCHDOG_USEC");
  signal(SIGUSR1, onHang);
  while (!hangs) {
    notify("WATCHDOG=1");
    rest(us ? atol(us) / 3 : 100000);
  }
  for (;;) pause();
}

static void serve(void) {
  for (;;) {
    const int fd = accept(3, NULL, NULL);
    if (fd < 0) fail("accept");
    dprintf(fd, "pid %d uid %u\n", getpid(), getuid());
    close(fd);
  }
}

static void echo(void) {
  char buffer[4096];
  for (ssize_t got; (got = read(0, buffer, sizeof buffer)) > 0;)
    if (write(1, buffer, got) != got) fail("write");
}

static void writeArguments(const char *path, int count, char **words) {
  const char *temporary = "/tmp/arguments.new";
  FILE *file = fopen(temporary, "w");
  if (!file) fail(temporary);
  for (int i = 0; i < count; i++) fwrite(words[i], 1, strlen(words[i]) + 1, file);
  if (fclose(file) != 0 || rename(temporary, path) != 0) fail(path);
  _exit(0);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    const char *text = strchr(word, '=');
    text = text ? text + 1 : "";
    if (strncmp(word, "say=", 4) == 0) dprintf(2, "%s\n", text);
    else if (strncmp(word, "notify=", 7) == 0) notify(text);
    else if (strncmp(word, "ready=", 6) == 0) {
      if (write(atoi(text), "\n", 1) != 1 || close(atoi(text)) != 0) fail(word);
    } else if (strncmp(word, "log=", 4) == 0) syslog(LOG_DAEMON | LOG_NOTICE, "%s", text);
    else if (strncmp(word, "reload=", 7) == 0) {
      reloadText = text;
      signal(SIGHUP, onReload);
    } else if (strncmp(word, "args=", 5) == 0) writeArguments(text, argc, argv);
    else if (strcmp(word, "alive") == 0) stayAlive();
    else if (strcmp(word, "serve") == 0) serve();
    else if (strcmp(word, "echo") == 0) echo();
    else if (strncmp(word, "exit=", 5) == 0) return atoi(text);
    else if (strcmp(word, "fork") == 0) {
      if (fork() != 0) return 0;
      setsid();
    } else if (strncmp(word, "env=", 4) == 0) {
      const char *value = getenv(text);
      dprintf(2, "%s=%s\n", text, value ? value : "(none)");
    } else if (strcmp(word, "deaf") == 0) signal(SIGTERM, SIG_IGN);
    else if (strcmp(word, "wait") == 0) {
      for (;;) pause();
    }
    else {
      dprintf(2, "daemon: %s: what is that?\n", word);
      return 9;
    }
  }
  return 0;
}
