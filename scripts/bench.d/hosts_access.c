// Calls hosts_access() of libwrap in a loop. For each number on a line of stdin, prints the microseconds for so many decisions.
//   hosts_access ALLOW DENY DAEMON ADDRESS NAME
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tcpd.h>

int allow_severity, deny_severity;

static int64_t nowUs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  hosts_allow_table = argv[1];
  hosts_deny_table = argv[2];
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    const long count = atol(line);
    const int64_t begin = nowUs();
    for (long i = 0; i < count; i++) {
      struct request_info request;
      request_init(&request, RQ_DAEMON, argv[3], RQ_CLIENT_ADDR, argv[4], RQ_CLIENT_NAME, argv[5], 0);
      if (!hosts_access(&request)) return 1;
    }
    printf("%lld\n", (long long)(nowUs() - begin));
    fflush(stdout);
  }
  return 0;
}
