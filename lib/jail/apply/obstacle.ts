// Errors for things in a jail that are in the way of a planned entry.

import { showPath } from '../../binary/path.ts';
import type { FileStatus } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import type { DirectoryEntry, Entry } from '../manifest/planned-entry.ts';

/** Checks a directory of the jail. @throws JailError ERR_INSECURE_PATH if anybody but its owner can put something there */
export function checkDirectory(entry: DirectoryEntry, present: FileStatus): void {
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

/** The builder has not made what is there, so it does not remove it. */
export function inTheWay(entry: Entry, present: FileStatus): JailError {
  const path = showPath(entry.path);
  return new JailError(`${path} is ${nameOf(present)} in the jail, and ${plannedName(entry)} on the host`, {
    code: 'EEXIST',
    path,
    hint: `move it away in the jail, or build a new one`,
  });
}

function plannedName(entry: Entry): string {
  if (entry.kind === 'link') return `a link to ${showPath(entry.target)}`;
  return `a ${entry.kind === 'data' ? 'file' : entry.kind}`;
}

/** As in "a file". */
export function nameOf({ kind, target }: FileStatus): string {
  return target === undefined ? `a ${NAMES[kind]}` : `a link to ${showPath(target)}`;
}

const NAMES = { file: 'file', directory: 'directory', symlink: 'link', other: 'special file' } as const;
