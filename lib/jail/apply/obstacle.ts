// What is in the way of what a jail is to hold.

import { type BytePath, showPath } from '../../binary/path.ts';
import type { FileStatus } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import type { DirectoryEntry } from '../manifest/entry.ts';

/** @throws JailError EEXIST unless it is a directory; ERR_INSECURE_PATH if somebody else could put something there. */
export function checkDirectory(entry: DirectoryEntry, present: FileStatus): void {
  if (present.kind !== 'directory') throw inTheWay(entry.path, 'a directory', present);
  const path = showPath(entry.path);
  const isOurs = present.uid === 0 || present.uid === entry.uid;
  const mayBeWritten = entry.uid !== undefined || (entry.mode & 0o002) !== 0;
  const othersWrite = (present.mode & 0o002) !== 0 || ((present.mode & 0o020) !== 0 && present.gid !== 0);
  if (isOurs && (mayBeWritten || !othersWrite)) return;
  const why = isOurs ? 'can be written by others' : `is owned by uid ${present.uid}`;
  throw new JailError(`${path} in the jail ${why}, who could exchange what is put there`, {
    code: 'ERR_INSECURE_PATH',
    path,
    hint: 'chown it to root and chmod go-w it, or build a new jail',
  });
}

/** `should` is what is to be there: "a file". */
export function inTheWay(jailPath: BytePath, should: string, present: FileStatus): JailError {
  const path = showPath(jailPath);
  const is =
    present.target === undefined ? `a ${NAMES[present.kind]}` : `a link to ${showPath(present.target)}`;
  return new JailError(`${path} is ${is} in the jail, and ${should} on the host`, {
    code: 'EEXIST',
    path,
    hint: `move it away in the jail, or build a new one`,
  });
}

const NAMES = { file: 'file', directory: 'directory', symlink: 'link', other: 'special file' } as const;
