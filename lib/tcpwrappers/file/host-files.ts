// Reads files of rules, patterns and banners, and looks for commands in PATH.

import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

import { type Bytes, toBuffer } from '../../words/quote.ts';
import { memoize } from '../../values/remember.ts';
import { lookOr } from '../../words/system-error.ts';
import { type FileText, MAX_FILE_BYTES } from '../parse/logical-line.ts';

const PART_BYTES = 1 << 18;
/** /dev/null, which is an empty file (null(4)). */
const NULL_DEVICE = 0x103;

function readOpen(fd: number): FileText {
  const status = fstatSync(fd);
  if (status.isDirectory()) return { kind: 'directory' };
  if (status.isCharacterDevice() && status.rdev === NULL_DEVICE) return { kind: 'text', text: '' };
  // a pipe could block, and a device can be endless
  if (!status.isFile()) return { kind: 'special' };
  if (status.size > MAX_FILE_BYTES) return { kind: 'large' };
  const part = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(4096, status.size + 1)));
  let text = '';
  for (;;) {
    const got = readSync(fd, part, 0, part.length, null);
    if (got === 0) return { kind: 'text', text };
    text += part.toString('latin1', 0, got);
    // the file grows
    if (text.length > MAX_FILE_BYTES) return { kind: 'large' };
  }
}

/** Reads a file; never throws for a system error. */
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

/** dash(1) uses this path if PATH is not set. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const isProgram = (path: Buffer): boolean =>
  lookOr(false, () => {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  });

/** Returns a function that tells whether PATH has a command, one byte a character; each is looked for once. */
export function openPath(path = process.env.PATH ?? DEFAULT_PATH): (word: string) => boolean {
  // an empty entry is the working directory, which can be anywhere
  const directories = path.split(':').filter((directory) => directory !== '');
  return memoize((word: string) => {
    const name = Buffer.from(`/${word}`, 'latin1');
    return directories.some((directory) => isProgram(Buffer.concat([Buffer.from(directory), name])));
  });
}
