// The second opinion of libseccomp: lines "CALL ANSWER TESTS [INDEX OPERATOR VALUE VALUE2]..." in, the filter that libseccomp makes of
// them out. The first line is the answer to everything else. Without libseccomp-dev its functions are declared here (seccomp.h).
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void *filter;
struct comparison {
  unsigned argument;
  int operator;  // as enum scmp_compare
  uint64_t value, second;
};

extern filter seccomp_init(uint32_t answer);
extern int seccomp_syscall_resolve_name(const char *name);
extern int seccomp_rule_add_array(filter, uint32_t answer, int call, unsigned count, const struct comparison *tests);
extern int seccomp_export_bpf(const filter, int fd);

int main(void) {
  uint32_t otherwise, answer;
  unsigned count;
  char name[64];
  if (scanf("%" SCNu32, &otherwise) != 1) return 2;
  filter made = seccomp_init(otherwise);
  if (made == NULL) return 3;
  while (scanf("%63s %" SCNu32 " %u", name, &answer, &count) == 3) {
    struct comparison tests[6];
    for (unsigned i = 0; i < count && i < 6; i++)
      if (scanf("%u %d %" SCNu64 " %" SCNu64, &tests[i].argument, &tests[i].operator, &tests[i].value, &tests[i].second) != 4) return 4;
    const int call = seccomp_syscall_resolve_name(name);
    if (call == -1) continue;  // not known to this libseccomp
    const int added = seccomp_rule_add_array(made, answer, call, count, tests);
    if (added < 0) {
      fprintf(stderr, "%s: %d\n", name, added);
      return 5;
    }
  }
  return seccomp_export_bpf(made, 1) < 0 ? 6 : 0;
}
