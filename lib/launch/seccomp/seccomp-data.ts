// The data that the kernel gives to a filter, and the answers that it takes (linux/seccomp.h, linux/audit.h).

/** Offsets in struct seccomp_data {int nr; u32 arch; u64 instruction_pointer; u64 args[6];}. */
export const offsetOf = {
  number: 0,
  architecture: 4,
  /** The low half of an argument; the high half is 4 bytes further. */
  argument: (index: number): number => 16 + 8 * index,
} as const;

/** Answers of a filter: SECCOMP_RET_*. */
export const answers = {
  killProcess: 0x80000000,
  killThread: 0,
  trap: 0x00030000,
  log: 0x7ffc0000,
  notify: 0x7fc00000,
  allow: 0x7fff0000,
} as const;

/** The call fails with this errno. */
export const refusal = (errno: number): number => 0x00050000 | errno;

export const EPERM = 1;
export const ENOSYS = 38;
export const EPROTONOSUPPORT = 93;

/** AUDIT_ARCH_* of each call table. */
export const auditArchitectures = {
  x64: 0xc000003e,
  i386: 0x40000003,
  arm64: 0xc00000b7,
  arm: 0x40000028,
} as const;

/** The call table of 32-bit programs on the same machine. */
export const compatOf = { x64: 'i386', arm64: 'arm' } as const;

/** The first number of x32: the calls of x64 again, for programs with short pointers (arch/x86/include/uapi/asm/unistd.h). */
export const firstX32 = 0x40000000;

/** ioctl requests that reach into the terminal: TIOCSTI pushes a byte (CVE-2016-2781), TIOCLINUX pastes a selection (CVE-2023-1523). */
export const terminalRequests = [0x5412, 0x541c] as const;
