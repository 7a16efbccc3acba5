// What to do when a file of the host cannot be written.

const full = 'make room there, and run the command again';

const hints: Readonly<Record<string, string>> = {
  ENOSPC: full,
  EDQUOT: full,
  EROFS: 'the file system is mounted read-only: mount it writable, and run the command again',
};

/** The hint for the code of a system error, such as `ENOSPC`. */
export function hostHint(code: string): string | undefined {
  return hints[code];
}
