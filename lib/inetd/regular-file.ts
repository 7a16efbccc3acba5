// Reads a file that a service names. A pipe would block the whole process, and a device can be endless.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

import { errnoName, reason } from '../words/errno.ts';
import { LaunchError, UsageError } from '../errors.ts';
import { quote } from '../words/quote.ts';

/** The error of a system call for a file of the configuration. @param what what the file is for, such as `banner` */
export function toFileError(what: string, path: string | Buffer, error: unknown, hint?: string): LaunchError {
  const { errno = -5 } = error as NodeJS.ErrnoException;
  const shown = quote(path);
  return new LaunchError(`${what}: ${shown}: ${reason(-errno)}`, {
    step: what,
    code: errnoName(-errno),
    errno: -errno,
    path: shown,
    hint,
    cause: error,
  });
}

/** @throws LaunchError if it cannot be read, UsageError if it is too big or not a regular file. Both name `what`. */
export function readRegularFile(
  what: string,
  path: string | Buffer,
  mostBytes: number,
  hintFor?: (code: string | undefined) => string | undefined,
): Buffer {
  let fd: number | undefined;
  let isFile: boolean;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(fd);
    isFile = status.isFile();
    if (isFile && status.size <= mostBytes) return readFileSync(fd);
  } catch (error) {
    throw toFileError(what, path, error, hintFor?.((error as NodeJS.ErrnoException).code));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  const wrong = isFile ? `has more than ${mostBytes} bytes` : 'is not a regular file';
  throw new UsageError(`${what}: ${quote(path)} ${wrong}`, {
    hint: isFile ? `give one of at most ${mostBytes} bytes` : 'name a file',
  });
}
