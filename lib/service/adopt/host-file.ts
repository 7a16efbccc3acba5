// Files and directories of the host that an adoption makes. If the disk is full, the error names the path, and nothing is left.
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { errnoName, reason } from '../../words/errno.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { writeHints } from '../../values/file-error.ts';
import { replaceFile } from '../../values/replaced-file.ts';

// The error for a system call that has failed at a path.
function toHostError(path: string, error: unknown): JailError {
  const { errno = -5 } = error as NodeJS.ErrnoException;
  const code = errnoName(-errno);
  return new JailError(`${quote(path)}: ${reason(-errno)}`, {
    code,
    path,
    hint: writeHints[code],
    cause: error,
  });
}

/** Runs calls that work on a path. @throws JailError with the errno */
export function doing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof JailError ? error : toHostError(path, error);
  }
}

/** Makes a directory, and those above it. @throws JailError with the errno */
export function makeHostDirectory(path: string, mode = 0o755): void {
  doing(path, () => mkdirSync(path, { recursive: true, mode }));
}

/** Writes a file to the disk, with the directories above it. @throws JailError with the errno; the file is then gone */
export function writeHostFile(path: string, text: string, mode = 0o644): void {
  makeHostDirectory(dirname(path));
  try {
    writeFileSync(path, text, { mode, flush: true });
  } catch (error) {
    rmSync(path, { force: true });
    throw toHostError(path, error);
  }
}

/** The same, and a file that is there stays until the new one is whole. @throws JailError with the errno */
export function replaceHostFile(path: string, text: string): void {
  makeHostDirectory(dirname(path));
  doing(path, () => replaceFile(path, Buffer.from(text), 0o644));
}

/** Writes all of the file system of a directory to the disk (syncfs(2)). @throws JailError with the errno */
export function syncFileSystem(directory: string): void {
  doing(directory, () => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      native.inRootSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** A new directory that only root can enter. @throws JailError with the errno */
export const makeTemporary = (): string => doing('/run', () => mkdtempSync('/run/uchroot-look-'));

/**
 * The last bytes of a file that the service may have made. No link is followed, because the service can put anything there.
 * @returns undefined for anything but a file, and for one that cannot be read
 */
export function readEnd(
  path: string,
  mostBytes: number,
):
  | {
      readonly text: string;
      readonly sizeBytes: number;
      readonly changedMs: number;
      /** Nobody but root can write it. */
      readonly isRoots: boolean;
    }
  | undefined {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = ifReadable(() => openSync(path, flags));
  if (fd === undefined) return undefined;
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return undefined;
    const end = Buffer.alloc(Math.min(status.size, mostBytes));
    const count = ifReadable(() => readSync(fd, end, 0, end.length, status.size - end.length)) ?? 0;
    const text = end.toString('utf8', 0, count);
    return {
      text,
      sizeBytes: status.size,
      changedMs: status.mtimeMs,
      isRoots: isRootsAlone(status),
    };
  } finally {
    closeSync(fd);
  }
}

/**
 * The answer of a call about a file of a service; undefined if it fails. Another program may remove the file meanwhile, root may not enter
 * each mount (EACCES), and reading a file of a kernel's file system can fail in any way.
 * @throws the error if this process lacks descriptors or memory
 */
export function ifReadable<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    const { code = '', syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && !['EMFILE', 'ENFILE', 'ENOMEM'].includes(code)) return undefined;
    throw error;
  }
}
