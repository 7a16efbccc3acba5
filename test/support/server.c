// A server for one connection on descriptors 0 to 2, or for a socket of datagrams: what it does is its first argument.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void copyAll(void) {
  char bytes[65536];
  for (ssize_t got; (got = read(0, bytes, sizeof bytes)) > 0;) {
    for (ssize_t done = 0; done < got;) {
      const ssize_t wrote = write(1, bytes + done, got - done);
      if (wrote < 0) exit(3);
      done += wrote;
    }
  }
}

static void tellState(void) {
  char text[512];
  int open = 0, length = 0;
  for (int fd = 0; fd < 256; fd++) open += fcntl(fd, F_GETFD) >= 0;
  length = snprintf(text, sizeof text, "uid %d gid %d open %d flags %d %d %d NOTIFY %s LISTEN %s RULE %s\n", getuid(), getgid(),
                    open, fcntl(0, F_GETFL) & O_NONBLOCK, fcntl(1, F_GETFL) & O_NONBLOCK, fcntl(2, F_GETFL) & O_NONBLOCK,
                    getenv("NOTIFY_SOCKET") != NULL ? "yes" : "no", getenv("LISTEN_FDS") != NULL ? "yes" : "no",
                    getenv("RULE") != NULL ? getenv("RULE") : "no");
  if (write(1, text, length) != length) exit(3);
}

static void answerDatagrams(int most) {
  char bytes[2048];
  struct sockaddr_storage from;
  alarm(10);
  for (int i = 0; i < most; i++) {
    socklen_t size = sizeof from;
    const ssize_t got = recvfrom(0, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &size);
    if (got < 0 || sendto(0, bytes, got, 0, (struct sockaddr*)&from, size) < 0) exit(3);
  }
}

// a wait service of streams: accepts one connection itself
static void acceptOne(void) {
  const int fd = accept(0, NULL, NULL);
  if (fd < 0 || write(fd, "accepted\n", 9) != 9) exit(3);
}

static void pauseFor(int milliseconds) { usleep(milliseconds * 1000u); }

// sends now and then, and never reads
static void tick(void) {
  while (write(1, ".", 1) == 1) pauseFor(100);
}

// reads, and never sends
static void drain(void) {
  char bytes[4096];
  while (read(0, bytes, sizeof bytes) > 0) continue;
}

// fails if the client goes away without a word
static void hear(void) {
  char byte;
  if (read(0, &byte, 1) != 1) exit(6);
}

static void endWell(int number) {
  (void)number;
  _exit(0);
}

// ends with status 0 at SIGTERM
static void obey(void) {
  signal(SIGTERM, endWell);
  pause();
}

// closes the connection, and goes on without it until SIGTERM
static void leave(void) {
  signal(SIGTERM, endWell);
  if (write(1, "bye\n", 4) != 4) exit(3);
  for (int fd = 0; fd < 3; fd++) close(fd);
  pause();
}

// Holds the lock of its socket for ever: the kernel reads what it sends from memory that nobody fills. Needs CAP_SYS_PTRACE.
static void hold(void) {
  struct uffdio_api api = {.api = UFFD_API};
  const int fd = syscall(SYS_userfaultfd, 0);
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0) exit(4);
  struct uffdio_register area = {.range = {(unsigned long)page, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (ioctl(fd, UFFDIO_REGISTER, &area) < 0) exit(5);
  if (write(1, "held\n", 5) == 5) send(1, page, 4096, 0);
}

int main(int count, char** argv) {
  const char* what = count > 1 ? argv[1] : "";
  const int number = count > 2 ? atoi(argv[2]) : 0;
  if (strcmp(what, "copy") == 0) copyAll();
  else if (strcmp(what, "state") == 0) tellState();
  else if (strcmp(what, "datagrams") == 0) answerDatagrams(number);
  else if (strcmp(what, "accept") == 0) acceptOne();
  else if (strcmp(what, "crash") == 0) raise(SIGSEGV);
  else if (strcmp(what, "tick") == 0) tick();
  else if (strcmp(what, "drain") == 0) drain();
  else if (strcmp(what, "hear") == 0) hear();
  else if (strcmp(what, "shut") == 0) shutdown(1, SHUT_WR), drain();
  else if (strcmp(what, "pause") == 0) pause();
  else if (strcmp(what, "obey") == 0) obey();
  else if (strcmp(what, "leave") == 0) leave();
  else if (strcmp(what, "hold") == 0) hold();
  else if (strcmp(what, "exit") == 0) return number;
  else return 99;
  return 0;
}
