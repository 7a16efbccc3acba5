/* A library for names that says who has loaded it, by the owner of a file. Without a C library: it is loaded into any. */
#include <fcntl.h>
#include <sys/syscall.h>

static long call(long number, long a, const char *b, long c, long d) {
  long result;
#ifdef __x86_64__
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
#else
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = (long)b, x2 __asm__("x2") = c, x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  result = x0;
#endif
  return result;
}

__attribute__((constructor)) static void tell(void) {
  call(SYS_openat, AT_FDCWD, "/nss-was-loaded", O_CREAT | O_WRONLY, 0644);
}
