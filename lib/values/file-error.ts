// Errors of system calls for files of the host that a request or a file of settings names.
import { LaunchError } from '../errors.ts';
import { errnoName, reason } from '../words/errno.ts';
import { type Bytes, quote } from '../words/quote.ts';

const full = 'make room there, and run the command again';

/** The remedies for a file of the host that cannot be written, by the code of the error. */
export const writeHints: Readonly<Record<string, string>> = {
  ENOSPC: full,
  EDQUOT: full,
  EIO: 'its disk or file system fails: dmesg says more',
  EROFS: 'the file system is mounted read-only: mount it writable, and run the command again',
};

// of root: a network file system, or Landlock
const notAllowed = (): string | undefined =>
  process.geteuid?.() === 0 ? undefined : 'this user may not: name another path, or try sudo';

/** The error of a system call that has failed at a file. @param step the part of the work, such as `banner` */
export function fileError(step: string, path: Bytes, error: unknown, hint?: string): LaunchError {
  const { errno = -5 } = error as NodeJS.ErrnoException;
  const code = errnoName(-errno);
  return new LaunchError(`${step}: ${quote(path)}: ${reason(-errno)}`, {
    step,
    code,
    errno: -errno,
    path: quote(path),
    hint: hint ?? (code === 'EACCES' ? notAllowed() : writeHints[code]),
    cause: error,
  });
}
