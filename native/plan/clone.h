// A system call that makes a child or a thread with a stack of its own: clone(2), clone3(2). It may share the caller's memory.
#pragma once

#include <asm/errno.h>

#include "syscall.h"

namespace uchroot {

// Returns what the kernel returns to the parent. The child calls start(given), which must not return. clone() of musl refuses
// CLONE_CHILD_CLEARTID, so that flag needs this call. `parentTid` and `childTid` are arguments of clone(2), not of clone3(2).
//
// A seccomp filter can make the call return 0 without an effect (seccomp(2), SECCOMP_RET_ERRNO). The caller would then take itself for
// the child, and a service would become the launcher. But only the child has the new stack. The answer to the caller is EBADE.
inline long cloneOnStack(long number, long a, long b, int (*start)(void*), void* given, long parentTid = 0, long childTid = 0) {
#if defined(__x86_64__)
  register int (*main)(void*) __asm__("r12") = start;
  register void* argument __asm__("r13") = given;
  register long r10 __asm__("r10") = childTid;
  register long r8 __asm__("r8") = 0;
  long result;
  __asm__ volatile(
      "mov %%rsp, %%r14\n"
      "syscall\n"
      "test %%rax, %%rax\n"
      "jnz 1f\n"
      "cmp %%rsp, %%r14\n"
      "je 2f\n"
      "xor %%ebp, %%ebp\n"
      "mov %%r13, %%rdi\n"
      "call *%%r12\n"
      "hlt\n"
      "2: mov %[lie], %%rax\n"
      "1:"
      : "=a"(result)
      : "a"(number), "D"(a), "S"(b), "d"(parentTid), "r"(r10), "r"(r8), "r"(main), "r"(argument), [lie] "i"(-EBADE)
      : "rcx", "r11", "r14", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register int (*main)(void*) __asm__("x19") = start;
  register void* argument __asm__("x20") = given;
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = parentTid;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = childTid;
  __asm__ volatile(
      "mov x21, sp\n"
      "svc 0\n"
      "cbnz x0, 1f\n"
      "cmp sp, x21\n"
      "b.eq 2f\n"
      "mov x29, #0\n"
      "mov x30, #0\n"
      "mov x0, x20\n"
      "blr x19\n"
      "brk 1\n"
      "2: mov x0, %[lie]\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(main), "r"(argument), [lie] "i"(-EBADE)
      : "x21", "memory", "cc");
  return x0;
#endif
}

}  // namespace uchroot
