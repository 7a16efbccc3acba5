// Files and directories of the host that an adoption makes. If the disk is full, the error names the path, and nothing is left.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';

import { reason } from '../../words/errno.ts';
import { type ErrnoName, JailError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { hostHint } from '../host-hint.ts';

/** The error for a system call that has failed at a path. */
export function toHostError(path: string, error: unknown): JailError {
  const { errno = -5, code = 'EIO' } = error as NodeJS.ErrnoException;
  return new JailError(`${quote(path)}: ${reason(-errno)}`, {
    code: code as ErrnoName,
    path,
    hint: hostHint(code),
    cause: error,
  });
}

/** Makes a directory, and those above it. @throws JailError with the errno */
export function makeHostDirectory(path: string, mode = 0o755): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    throw toHostError(path, error);
  }
}

/** Writes a file to the disk, with the directories above it. @throws JailError with the errno; the file is then gone */
export function writeHostFile(path: string, text: string, mode = 0o644): void {
  makeHostDirectory(path.slice(0, path.lastIndexOf('/')));
  try {
    writeFileSync(path, text, { mode, flush: true });
  } catch (error) {
    rmSync(path, { force: true });
    throw toHostError(path, error);
  }
}
