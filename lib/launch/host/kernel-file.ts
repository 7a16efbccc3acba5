// A file of the kernel in /proc or /sys that cannot be read: something is mounted on it, or it is not mounted itself.
import { ENOENT } from '../../words/errno-numbers.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { LaunchError } from '../../errors.ts';

const mountProc = 'mount -t proc proc /proc, as root';
const ofSys =
  'another mount hides it: findmnt -R /sys shows them, and umount removes the last one of a place';

/**
 * A LaunchError for a system error of node:fs; other errors are returned unchanged.
 *
 * @param step for which the file is read
 * @param file its path, if the error has none
 */
export function toKernelFileError(error: unknown, step: string, file?: string): unknown {
  const { errno, syscall, path = file } = error as NodeJS.ErrnoException;
  if (error instanceof LaunchError || errno === undefined || path === undefined) return error;
  return new LaunchError(`${step}: ${path}: ${reason(-errno)}`, {
    step,
    call: syscall,
    code: errnoName(-errno),
    errno: -errno,
    path,
    hint: errno === -ENOENT ? (path.startsWith('/proc/') ? mountProc : ofSys) : undefined,
    cause: error,
  });
}

/** Reads files of the kernel. @throws LaunchError for a system error */
export function readingKernel<T>(step: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw toKernelFileError(error, step);
  }
}
