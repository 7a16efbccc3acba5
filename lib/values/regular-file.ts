// Reads a file that a service names. A pipe would block the whole process, and a device can be endless.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { fileError } from './file-error.ts';
import { quote } from '../words/quote.ts';

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
    throw fileError(what, path, error, hintFor?.((error as NodeJS.ErrnoException).code));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  const wrong = isFile ? `has more than ${mostBytes} bytes` : 'is not a regular file';
  throw new UsageError(`${what}: ${quote(path)} ${wrong}`, {
    hint: isFile ? `give one of at most ${mostBytes} bytes` : 'name a file',
  });
}
