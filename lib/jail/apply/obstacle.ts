// Obstacles in the way of a planned entry: an unsafe directory, an object that the builder has not made, or a mount.

import { readFileSync, readlinkSync } from 'node:fs';
import { mergeCommands } from '../../tree/merged-usr.ts';
import { type BytePath, bytePath, isWithin, showPath } from '../../tree/path.ts';
import type { DirectoryRoot, FileStatus } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { isStranger, writersOf } from '../../trust/writer.ts';
import type { DirectoryEntry, Entry } from '../manifest/planned-entry.ts';
import { readMounts } from '../../tree/mountinfo.ts';
import { mountsIn, pointIn } from '../host/mounts.ts';

/** Checks a directory of the jail. @throws JailError ERR_INSECURE_PATH if a user other than its owner can write to it */
export function checkDirectory(entry: DirectoryEntry, present: FileStatus): void {
  const path = showPath(entry.path);
  const isOurs = present.uid === 0 || present.uid === entry.uid;
  const mayBeWritten = entry.uid !== undefined || (entry.mode & 0o002) !== 0;
  const othersWrite = writersOf({ mode: present.mode, uid: 0, gid: present.gid }).some(isStranger);
  if (isOurs && (mayBeWritten || !othersWrite)) return;
  const why = isOurs ? 'can be written by other users' : `is owned by uid ${present.uid}`;
  throw new JailError(`${path} in the jail ${why}, who could replace its files`, {
    code: 'ERR_INSECURE_PATH',
    path,
    hint: 'chown it to root and chmod go-w it, or build a new jail',
  });
}

const NAMES = { file: 'file', directory: 'directory', symlink: 'link', other: 'special file' } as const;

/** The kind of an object, with an article: "a file". */
export function nameOf({ kind, target }: FileStatus): string {
  return target === undefined ? `a ${NAMES[kind]}` : `a link to ${showPath(target)}`;
}

// A jail made by hand has directories where the host has links to /usr.
function mergeHint(jail: DirectoryRoot, entry: Entry, { kind }: FileStatus): string | undefined {
  if (kind !== 'directory' || entry.kind !== 'link' || entry.target !== `usr${entry.path}`) return undefined;
  const commands = mergeCommands(readlinkSync(`/proc/self/fd/${jail.fd}`), jail);
  return commands === undefined ? undefined : `${commands}   # then run the build again`;
}

/** The error for an object that the builder has not made and so does not remove. */
export function inTheWay(jail: DirectoryRoot, entry: Entry, present: FileStatus): JailError {
  const path = showPath(entry.path);
  const { kind } = entry;
  const planned =
    kind === 'link' ? `a link to ${showPath(entry.target)}` : `a ${kind === 'data' ? 'file' : kind}`;
  return new JailError(`${path} is ${nameOf(present)} in the jail, and ${planned} on the host`, {
    code: 'EEXIST',
    path,
    hint: mergeHint(jail, entry, present) ?? 'move it away in the jail, or build a new one',
  });
}

/** Mount points in the jail, as paths of the jail. */
export function mountedIn(jail: DirectoryRoot): readonly BytePath[] {
  const directory = bytePath(readlinkSync(`/proc/self/fd/${jail.fd}`, 'buffer'));
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  return mountsIn(mounts, directory).map((mount) => pointIn(mount, directory));
}

/**
 * Refuses a change of a path of the jail. `isWhole`: the change replaces a directory with everything in it.
 * @throws JailError EXDEV if something is mounted there
 */
export function refuseMounted(mounted: readonly BytePath[], path: BytePath, isWhole = false): void {
  const point = mounted.find((one) => isWithin(path, one) || (isWhole && isWithin(one, path)));
  if (point === undefined) return;
  const shown = showPath(point);
  throw new JailError(`something is mounted on ${shown} in the jail, where ${showPath(path)} would change`, {
    code: 'EXDEV',
    path: shown,
    hint: 'unmount it first',
  });
}
