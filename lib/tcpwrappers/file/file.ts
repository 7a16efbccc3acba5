// Files of rules and of patterns, as they are found: the one place where they are read.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { type Bytes, toBuffer } from '../../quote.ts';
import { type FileText, MAX_FILE_BYTES } from '../parse/file-text.ts';
import { complete, type Slices } from '../rule/slices.ts';

/** As much as is read at once. */
const PART_BYTES = 1 << 18;

function* readOpen(fd: number): Slices<FileText> {
  const status = fstatSync(fd);
  if (status.isDirectory()) return { kind: 'directory' };
  // /dev/null is as good as an empty file; a pipe could keep us waiting
  if (!status.isFile() && !status.isCharacterDevice()) return { kind: 'unreadable', code: 'EINVAL' };
  if (status.size > MAX_FILE_BYTES) return { kind: 'large' };
  const part = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(4096, status.size + 1)));
  let text = '';
  for (;;) {
    const got = readSync(fd, part, 0, part.length, null);
    if (got === 0) return { kind: 'text', text };
    text += part.toString('latin1', 0, got);
    // it grows, or is a device that gives for ever
    if (text.length > MAX_FILE_BYTES) return { kind: 'large' };
    yield;
  }
}

/** Reads the file at a path; never throws for what may be wrong with it. */
export function readFileText(path: Bytes): FileText {
  return complete(readFile(path));
}

/** The same in slices. */
export function* readFile(path: Bytes): Slices<FileText> {
  try {
    const fd = openSync(toBuffer(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return yield* readOpen(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'unreadable', code };
  }
}
