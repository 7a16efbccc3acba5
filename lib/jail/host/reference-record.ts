// The record beside a jail by reference: written when the caller asks for such a jail, never because of what the jail itself says.
import { rmSync, writeFileSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { isRecorded, recordOf } from '../../tree/by-reference.ts';
import { pathBytes, showPath, type BytePath } from '../../tree/path.ts';
import { errorCode, unless } from '../../words/system-error.ts';

/**
 * Records that launches may mount the host in this jail.
 *
 * @param jail its path has no links
 * @returns undoes it, if there was no record before
 * @throws JailError if the record cannot be written, or is another user's
 */
export function record({ fd, path: directory }: { fd: number; path: BytePath }): () => void {
  if (isRecorded(fd, directory)) return () => undefined;
  const file = recordOf(directory);
  const path = showPath(file);
  try {
    // O_EXCL follows no link, which others could put into a directory such as /tmp
    const text = `uchroot: launches mount directories of the host in ${showPath(directory)}\n`;
    writeFileSync(pathBytes(file), text, { flag: 'wx', mode: 0o644 });
    return () => rmSync(pathBytes(file), { force: true });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const isTaken = code === 'EEXIST';
    throw new JailError(
      isTaken
        ? `${path} is no record of this jail`
        : `${path} cannot be written: it records that the jail mounts the host`,
      {
        code,
        path,
        cause: error,
        hint: isTaken ? 'remove it' : 'name a jail in a directory in which you can write',
      },
    );
  }
}

/** Removes the record of a jail that is removed, or that has become another one. @throws system errors */
export function forgetRecord(directory: BytePath): void {
  // whoever may not remove it has not made it: a file of another user in /tmp is no record of this jail
  unless(['EPERM', 'EACCES'], () => rmSync(pathBytes(recordOf(directory)), { force: true }));
}
