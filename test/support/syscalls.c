// Makes system calls, and prints the errno of each, or 0: NUMBER[,ARGUMENT]..., in hexadecimal or decimal. A number after an x is one
// of x32, one after an i goes through int 0x80.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long compat(long number) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  return result;
#else
  (void)number;
  return -ENOSYS;
#endif
}

int main(int count, char **words) {
  for (int i = 1; i < count; i++) {
    char *word = words[i];
    const char kind = *word == 'x' || *word == 'i' ? *word++ : 'n';
    long values[7] = {0};
    for (int k = 0; k < 7 && *word != '\0'; k++) {
      values[k] = (long)strtoull(word, &word, 0);
      if (*word == ',') word++;
    }
    long result;
    if (kind == 'i') {
      result = compat(values[0]);
      if (result < 0 && result > -4096) errno = (int)-result, result = -1;
    } else {
      if (kind == 'x') values[0] |= 0x40000000;
      result = syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    }
    printf("%d\n", result == -1 ? errno : 0);
    fflush(stdout);
  }
  return 0;
}
