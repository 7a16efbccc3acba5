// Replaces a file as a whole.
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';

import { type Bytes, toBuffer } from '../words/quote.ts';

/** Makes the names in a directory outlast a loss of power. */
export function syncDirectory(path: string | Buffer): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces one file. A reader finds the old content or the new one, also after a loss of power. @throws a system error */
export function replaceFile(path: Bytes, content: Uint8Array, mode: number): void {
  const file = toBuffer(path);
  const temporary = Buffer.concat([file, Buffer.from(`.${process.pid}.new`)]);
  // wx: O_EXCL refuses a link that somebody has prepared there.
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(fd, content);
    // independent of the umask: an init system does not start a script that is not executable
    fchmodSync(fd, mode);
    fsyncSync(fd);
    renameSync(temporary, file);
    syncDirectory(Buffer.from(posix.dirname(file.toString('latin1')), 'latin1'));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}
