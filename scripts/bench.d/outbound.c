// Both ends of the connections of the group outbound.
//   outbound serve                    a server on a port of 127.0.0.1, which it prints
//   outbound calls HOST PORT COUNT    prints the median time of a connection with one byte to and fro, in microseconds
//   outbound bytes HOST PORT COUNT    prints the time in which that many bytes arrive at the server, in seconds
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[256 * 1024];

static void fail(const char *call) {
  perror(call);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// The client says first how many bytes it will send; one comes back.
static void answer(int connection) {
  int64_t left;
  if (read(connection, &left, sizeof left) != sizeof left) _exit(1);
  while (left > 0) {
    const ssize_t got = read(connection, buffer, sizeof buffer);
    if (got <= 0) _exit(1);
    left -= got;
  }
  _exit(write(connection, buffer, 1) == 1 ? 0 : 1);
}

static void serve(void) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof own;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&own, sizeof own) < 0 || listen(server, 64) < 0) fail("listen");
  if (getsockname(server, (struct sockaddr *)&own, &size) < 0) fail("getsockname");
  printf("%d\n", ntohs(own.sin_port));
  fflush(stdout);
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    const int connection = accept(server, NULL, NULL);
    if (connection < 0) fail("accept");
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) answer(connection);
    close(connection);
  }
}

static double timed(const struct addrinfo *to, int64_t count) {
  const double start = now();
  const int connection = socket(to->ai_family, SOCK_STREAM, 0);
  if (connect(connection, to->ai_addr, to->ai_addrlen) < 0) fail("connect");
  if (write(connection, &count, sizeof count) != sizeof count) fail("write");
  for (int64_t left = count; left > 0;) {
    const ssize_t put = write(connection, buffer, left < (int64_t)sizeof buffer ? (size_t)left : sizeof buffer);
    if (put < 0) fail("write");
    left -= put;
  }
  if (read(connection, buffer, 1) != 1) fail("read");
  close(connection);
  return now() - start;
}

static int compare(const void *a, const void *b) {
  const double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "serve") == 0) serve();
  if (argc != 5) return 2;
  const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
  struct addrinfo *to;
  if (getaddrinfo(argv[2], argv[3], &wanted, &to) != 0) fail("getaddrinfo");
  const long count = atol(argv[4]);
  if (strcmp(argv[1], "bytes") == 0) {
    printf("%f\n", timed(to, count));
    return 0;
  }
  double *times = calloc((size_t)count, sizeof *times);
  for (long i = 0; i < count; i++) times[i] = timed(to, 0);
  qsort(times, (size_t)count, sizeof *times, compare);
  printf("%f\n", times[count / 2] * 1e6);
  return 0;
}
