// The entry point of an executable without libc. The kernel puts argc, argv and envp on the stack and jumps to _start (System V
// ABI, "Process Initialization"). MAIN is called with the address of argc, and must not return.
#pragma once

#if defined(__x86_64__)
#define UCHROOT_START(MAIN)    \
  __asm__(                     \
      ".globl _start\n"        \
      "_start:\n"              \
      "  xor %ebp, %ebp\n"     \
      "  mov %rsp, %rdi\n"     \
      "  and $-16, %rsp\n"     \
      "  call " MAIN "\n");
#elif defined(__aarch64__)
#define UCHROOT_START(MAIN)    \
  __asm__(                     \
      ".globl _start\n"        \
      "_start:\n"              \
      "  mov x29, #0\n"        \
      "  mov x30, #0\n"        \
      "  mov x0, sp\n"         \
      "  bl " MAIN "\n");
#endif
