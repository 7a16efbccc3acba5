// Exits with the number of its arguments. Has no libc, so that it takes no time.
__attribute__((noreturn, used)) void begin(const long *stack) {
  const long status = stack[0] - 1;
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(231), "D"(status) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = 94;
  register long x0 __asm__("x0") = status;
  __asm__ volatile("svc 0" : : "r"(x8), "r"(x0) : "memory");
#endif
  for (;;) {
  }
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call begin\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n  mov x0, sp\n  bl begin\n");
#endif
