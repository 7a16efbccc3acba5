// Files of rules and of patterns, as they are found: the one place where they are read.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { type Bytes, toBuffer } from '../../quote.ts';
import { type FileText, MAX_FILE_BYTES } from '../parse/file-text.ts';

function readOpen(fd: number): FileText {
  const status = fstatSync(fd);
  if (status.isDirectory()) return { kind: 'directory' };
  // /dev/null is as good as an empty file; a pipe could keep us waiting
  if (!status.isFile() && !status.isCharacterDevice()) return { kind: 'unreadable', code: 'EINVAL' };
  if (status.size > MAX_FILE_BYTES) return { kind: 'large' };
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for (;;) {
    const part = Buffer.allocUnsafe(Math.max(65536, status.size - sizeBytes + 1));
    const got = readSync(fd, part, 0, part.length, null);
    if (got === 0) return { kind: 'text', text: Buffer.concat(parts).toString('latin1') };
    parts.push(part.subarray(0, got));
    sizeBytes += got;
    // it grows, or is a device that gives for ever
    if (sizeBytes > MAX_FILE_BYTES) return { kind: 'large' };
  }
}

/** Reads the file at a path; never throws for what may be wrong with it. */
export function readFileText(path: Bytes): FileText {
  try {
    const fd = openSync(toBuffer(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return readOpen(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'unreadable', code };
  }
}
