// Whether a jail takes its programs from the host. lib/trust/harmless.ts has the list of what is mounted there.
import { fstatSync, lstatSync, readlinkSync } from 'node:fs';

import { bytePath, joinPath, lastComponent, parentPath, pathBytes, type BytePath } from './path.ts';
import type { FileRoot } from './root.ts';

/** The file of such a jail. A program that is root in a jail can make one, so it grants nothing by itself. */
export const MARKER: BytePath = bytePath('/.references');

const othersMayWrite = 0o022;
const longestName = 240;

/** Whether it says that it is a jail by reference. @throws system errors */
export const isMarked = (jail: Pick<FileRoot, 'lstat'>): boolean => jail.lstat(MARKER)?.kind === 'file';

/**
 * The builder's record that a jail is one by reference. It lies beside the jail, where no program of the jail can write, whoever it is
 * there: in the jail, root and the owner of a jail without root can change whatever the builder writes.
 *
 * @param directory the jail, without links
 */
export const recordOf = (directory: BytePath): BytePath =>
  joinPath(
    parentPath(directory),
    `.${lastComponent(directory).slice(0, longestName)}.uchroot-host` as BytePath,
  );

const pathOf = (fd: number): BytePath =>
  bytePath(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }));

/** Whether there is such a record, and nobody but root and the owner of the jail can have made it. @param directory its path without links @throws system errors */
export function isRecorded(jailFd: number, directory = pathOf(jailFd)): boolean {
  const record = lstatSync(pathBytes(recordOf(directory)), { throwIfNoEntry: false });
  if (record?.isFile() !== true || (record.mode & othersMayWrite) !== 0) return false;
  return record.uid === 0 || record.uid === fstatSync(jailFd).uid;
}
