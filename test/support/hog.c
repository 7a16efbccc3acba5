// A program that uses as much as it gets.
//   memory        allocates and fills memory for ever
//   fork          starts processes that wait, until fork fails; then it fails too
//   bomb          forks for ever, in all its children too
//   liar           sends SIGXCPU to itself
//   team          the same as spin in four processes, the first of which only waits
//   spin | stubborn  uses the CPU for ever; stubborn ignores SIGXCPU
//   flood         writes to standard output for ever
//   leave         starts a process that waits in a session of its own, and ends
//   orphan        the same at once through a parent that ends, and waits too
//   file          writes /tmp/file for ever
//   files         makes files in /tmp, until it fails
//   stops         sends SIGTSTP to its process group for ever, with the lowest priority for all of it; ignores that and SIGTERM
//   freezes       the same with SIGSTOP, while a child of another group continues it
//   connections   fills connections to itself, which nobody reads; fails when 192 MiB wait in them
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static char block[1 << 20];

static void useMemory(void) {
  for (;;) {
    char *more = malloc(sizeof block);
    if (more == NULL) _exit(3);
    memset(more, 1, sizeof block);
  }
}

static void waitForEver(void) {
  for (;;) pause();
}

static void forkUntilItFails(void) {
  for (;;) {
    const pid_t child = fork();
    if (child < 0) _exit(1);
    if (child == 0) waitForEver();
  }
}

static void writeForEver(int fd) {
  while (write(fd, block, sizeof block) > 0) continue;
  _exit(4);
}

static void makeFiles(void) {
  for (int i = 0;; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "/tmp/%d", i);
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) _exit(5);
    close(fd);
  }
}

static void fillConnections(void) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof place;
  if (bind(listener, (struct sockaddr *)&place, sizeof place) < 0 || listen(listener, 16) < 0) _exit(7);
  if (getsockname(listener, (struct sockaddr *)&place, &bytes) < 0) _exit(7);
  long waiting = 0;
  for (int i = 0; i < 200; i++) {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    if (fcntl(client, F_SETFL, O_NONBLOCK) < 0) _exit(7);
    (void)connect(client, (struct sockaddr *)&place, sizeof place);
    const int server = accept4(listener, NULL, NULL, 0);
    if (server < 0) _exit(7);
    for (int idle = 0; idle < 20;) {
      const long sent = send(client, block, sizeof block, MSG_NOSIGNAL);
      if (sent > 0) waiting += sent;
      else idle++, usleep(500);
      if (waiting > 192l << 20) _exit(6);
    }
  }
}

static void signalGroup(int number) {
  (void)setpriority(PRIO_PGRP, 0, 19);
  signal(SIGTSTP, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  const pid_t self = getpid();
  if (number == SIGSTOP && fork() == 0) {
    (void)setpgid(0, 0);
    for (;;) kill(self, SIGCONT);
  }
  for (;;) kill(0, number);
}

int main(int count, char **words) {
  const char *what = count > 1 ? words[1] : "";
  if (strcmp(what, "memory") == 0) useMemory();
  if (strcmp(what, "orphan") == 0) {
    if (fork() == 0) {
      setsid();
      if (fork() == 0) waitForEver();
      _exit(0);
    }
    waitForEver();
  }
  if (strcmp(what, "fork") == 0) forkUntilItFails();
  if (strcmp(what, "stubborn") == 0) signal(SIGXCPU, SIG_IGN);
  if (strcmp(what, "liar") == 0) raise(SIGXCPU);
  if (strcmp(what, "flood") == 0) writeForEver(1);
  if (strcmp(what, "file") == 0) writeForEver(open("/tmp/file", O_WRONLY | O_CREAT | O_TRUNC, 0600));
  if (strcmp(what, "files") == 0) makeFiles();
  if (strcmp(what, "stops") == 0) signalGroup(SIGTSTP);
  if (strcmp(what, "freezes") == 0) signalGroup(SIGSTOP);
  if (strcmp(what, "connections") == 0) fillConnections();
  if (strcmp(what, "bomb") == 0)
    for (;;) (void)!fork();
  if (strcmp(what, "team") == 0) {
    for (int i = 0; i < 3; i++)
      if (fork() == 0)
        for (;;) continue;
    waitForEver();
  }
  if (strcmp(what, "spin") == 0 || strcmp(what, "stubborn") == 0)
    for (;;) continue;
  if (strcmp(what, "leave") == 0 && fork() == 0) {
    setsid();
    waitForEver();
  }
  return 0;
}
