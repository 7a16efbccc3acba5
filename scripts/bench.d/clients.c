// Clients for the group inetd: PORT CONCURRENCY SECONDS TEXT. Each sends a line and reads to the end, over and over. Prints the number of
// connections a second, and the median and 99th percentile of their time in ms. TEXT is what they must get; "" for a refusal.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 200000

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void ask(int port, const char* wanted) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&server, sizeof server) < 0) exit(1);
  (void)!send(fd, "hello\n", 6, MSG_NOSIGNAL);
  char got[64] = "";
  size_t size = 0;
  for (ssize_t more; (more = read(fd, got + size, sizeof got - 1 - size)) > 0;) size += more;
  if (strcmp(got, wanted) != 0) exit(2);
  // no TIME_WAIT: the ports would be used up
  const struct linger off = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
  close(fd);
}

int main(int argc, char** argv) {
  if (argc < 5) return 3;
  const int port = atoi(argv[1]), clients = atoi(argv[2]);
  const double end = now() + atof(argv[3]);
  const char* wanted = argv[4][0] == '\0' ? "" : "hello\n";
  double* times = mmap(NULL, MOST * sizeof *times, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int* count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const double begin = now();
  for (int i = 0; i < clients; i++) {
    if (fork() != 0) continue;
    for (double before = now(); before < end;) {
      ask(port, wanted);
      const double after = now();
      const int at = __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
      if (at < MOST) times[at] = after - before;
      before = after;
    }
    _exit(0);
  }
  int wrong = 0;
  for (int status; wait(&status) > 0;) wrong += status != 0;
  const double seconds = now() - begin;
  if (wrong > 0 || *count == 0 || *count > MOST) return 4;
  qsort(times, *count, sizeof *times, compare);
  printf("%f %f %f\n", *count / seconds, times[*count / 2] * 1e3, times[*count * 99 / 100] * 1e3);
  return 0;
}
