// Removes a jail. It never removes another directory, or a jail that is in use.

import { closeSync, fchmodSync, readFileSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, joinPath, pathBytes, showPath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { AbortError, JailError, UsageError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import { native, type TreeCounts } from '../native.ts';
import { caller, isOrdinary } from '../trust/owner.ts';
import { errorCode, unless } from '../words/system-error.ts';
import { findOccupants } from './host/tree-users.ts';
import { absolute } from './host/given-path.ts';
import { closedTo, requireOwner } from './host/jail-directory.ts';
import { forgetRecord } from './host/reference-record.ts';
import {
  hasManifest,
  hiddenName,
  inRoot,
  isHiddenName,
  lockStore,
  lookAt,
  openAt,
  openPlace,
  type Place,
  renameAt,
  STORE_NAME,
  withoutManifest,
} from './host/jail-place.ts';
import { jailAround } from './host/source-host.ts';
import { commandLine } from '../words/shell-word.ts';
import { readMounts } from '../tree/mountinfo.ts';
import { findMount } from './host/mounts.ts';
import { type Directory, removeTree } from './host/tree.ts';
import { forgetPlan } from './plan/kept-plan.ts';
import { checkRows, type JailWork, WORK } from './request/jail-request.ts';
import { closing } from './work/closing.ts';
import { throwIfAborted, withJailErrors } from './work/jail-error.ts';
import { begin } from './work/steps.ts';

export type RemoveRequest = JailWork;

/** The removed entries. All entries but directories count as files. */
export type RemoveReport = Pick<TreeCounts, 'files' | 'directories'>;

interface OpenJail extends Directory {
  /** This process's own descriptors of files in the jail. */
  readonly own: ReadonlySet<number>;
}

/**
 * Removes a jail that buildJail or cloneJail has made, with all files of its users. Links are not followed, and mounts are not
 * entered. The jail is renamed or closed first, so that no program can be started in it any more. The manifest is removed last: after an
 * interruption, a second call for the same directory removes the rest.
 * @throws UsageError for a link or an impossible path; JailError ERR_NO_MANIFEST for a directory that is not a jail, EBUSY if
 * something is mounted in it, or a process runs in it or has a file of it open, EACCES if that cannot be seen, ERR_INSECURE_PATH
 * as buildJail, or the code of a system error; AbortError (a second call removes the rest).
 */
export async function removeJail(asked: RemoveRequest): Promise<RemoveReport> {
  const request = takeRequest(asked, (own) => checkRows(own, WORK));
  throwIfAborted(request.signal);
  return withJailErrors(() => {
    const place = openPlace(absolute(request.directory), false);
    return closing(place.parent, async () => {
      const removed = await removeAt(place, request);
      forgetPlan(place.path);
      forgetRecord(place.path);
      return removed;
    });
  });
}

async function removeAt(place: Place, request: JailWork): Promise<RemoveReport> {
  const present = lookAt(place, place.name);
  if (present === undefined) return removeLeftOver(place, request);
  const shown = showPath(place.path);
  if (present.kind === 'symlink')
    throw new UsageError(`${shown} is a symbolic link`, { hint: 'name the directory that it leads to' });
  if (present.kind !== 'directory')
    throw new UsageError(`${shown} is not a directory`, {
      hint: withoutHint(place.path) ?? 'name the directory of a jail; rm removes a file',
    });
  return withJail(place, place.name, async (jail) => {
    const root = openFileRoot(jail.fd, caller());
    if (!hasManifest(root))
      throw withoutManifest(root, place.path, {
        what: 'it is no jail that uchroot-jail has built',
        hint:
          withoutHint(place.path) ?? 'nothing was removed; check what it is, and remove it with other tools',
      });
    await checkIdle(jail);
    const { name, undo } = close(place, jail);
    try {
      // Another process may have started a program or mounted a file system just before.
      checkSame(place, name, jail);
      await checkIdle({ ...jail, path: beside(place, name) });
      throwIfAborted(request.signal);
    } catch (error) {
      undo();
      throw error;
    }
    return removeHidden(place, name, request);
  });
}

// A file of a jail is removed by way of the recipe: the next update would restore one that rm(1) removed.
function withoutHint(path: BytePath): string | undefined {
  const around = jailAround(path);
  return around && commandLine('uchroot-jail', 'build', around.jail, '--without', around.inside);
}

// Removes the rest of an earlier call's jail.
async function removeLeftOver(place: Place, request: JailWork): Promise<RemoveReport> {
  const names = place.root.list(bytePath('/')) ?? [];
  const left = names.filter((name) => isHiddenName(name, place.name, 'remove') && isOurs(place, name));
  const path = showPath(place.path);
  if (left.length === 0) throw new JailError(`${path}: there is no such directory`, { code: 'ENOENT', path });
  const sum = { files: 0, directories: 0 };
  for (const name of left) {
    const { files, directories } = await withJail(place, name, async (jail) => {
      await checkIdle(jail);
      return removeHidden(place, name, request);
    });
    sum.files += files;
    sum.directories += directories;
  }
  return sum;
}

// The manifest is removed last, so without it the rest is gone too.
function isOurs(place: Place, name: BytePath): boolean {
  const status = lookAt(place, name);
  if (status?.kind !== 'directory') return false;
  const fd = openAt(place, name);
  return closing({ close: () => closeSync(fd) }, () => {
    const root = openFileRoot(fd, caller());
    if (hasManifest(root)) return true;
    const entries = root.list(bytePath('/')) ?? [];
    return status.uid === 0 && entries.every((entry) => entry === STORE_NAME);
  });
}

function openJail(place: Place, name: BytePath): number {
  try {
    return openAt(place, name);
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    const { uid } = native.inRootLstat(place.parent.fd, pathBytes(inRoot(name)));
    throw closedTo(uid, beside(place, name));
  }
}

async function withJail<T>(place: Place, name: BytePath, use: (jail: OpenJail) => Promise<T>): Promise<T> {
  const jail = { fd: openJail(place, name), path: beside(place, name) };
  return closing({ close: () => closeSync(jail.fd) }, () => {
    requireOwner(jail.fd, place.path);
    const lock = unless(['ENOENT', 'ENOTDIR', 'ELOOP'], () =>
      lockStore({ ...jail, path: place.path }, false),
    );
    const close = () => lock !== undefined && closeSync(lock);
    return closing({ close }, () => use({ ...jail, own: new Set([jail.fd, lock ?? jail.fd]) }));
  });
}

async function checkIdle({ own, ...jail }: OpenJail): Promise<void> {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  const mount = findMount(mounts, jail.path);
  if (mount !== undefined) {
    const point = showPath(mount.point);
    const where = isWithin(mount.point, jail.path) ? 'on or in it' : 'out of it';
    throw busy(`${showPath(jail.path)} is in use: ${point} is mounted ${where}`, `umount ${point}`);
  }
  const [first, ...others] = await findOccupants(jail, own);
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  const words = `process ${first.pid} (${first.command}) has its ${first.use} there${more}`;
  throw busy(`${showPath(jail.path)} is in use: ${words}`, 'end it first');
}

function checkSame(place: Place, name: BytePath, { fd }: OpenJail): void {
  const [renamed, opened] = [lookAt(place, name), native.inRootFstat(fd)];
  if (renamed?.dev === opened.dev && renamed.ino === opened.ino) return;
  const message = `${showPath(place.path)} was replaced by another process meanwhile`;
  throw busy(message, 'check which directory is there now');
}

interface Closed {
  /** The name that the jail has now. */
  readonly name: BytePath;
  readonly undo: () => void;
}

// Renames the jail, so that no program can be started in it any more. An overlay renames no directory of its lower layer (EXDEV,
// redirect_dir in the kernel's overlayfs.rst): there nobody but root may enter the jail any more, or its ordinary owner, who must
// be able to empty it.
function close(place: Place, { fd }: OpenJail): Closed {
  const name = hiddenName(place.name, 'remove');
  try {
    renameAt(place, place.name, name);
    return { name, undo: () => renameAt(place, name, place.name) };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EBUSY')
      throw busy(`something is mounted on ${showPath(place.path)}`, `umount ${showPath(place.path)}`);
    if (code !== 'EXDEV') throw error;
    const { mode } = native.inRootFstat(fd);
    fchmodSync(fd, isOrdinary(caller()) ? 0o700 : 0);
    return { name: place.name, undo: () => fchmodSync(fd, mode & 0o7777) };
  }
}

async function removeHidden(
  place: Place,
  hidden: BytePath,
  { signal, onProgress }: JailWork,
): Promise<RemoveReport> {
  try {
    const { files, directories } = await removeTree(place.parent, hidden, {
      last: STORE_NAME,
      signal,
      onProgress: (counts) => onProgress?.({ ...begin('remove'), files: counts.files + counts.directories }),
    });
    return { files, directories };
  } catch (error) {
    const [jail, rest] = [showPath(place.path), showPath(beside(place, hidden))];
    const goOn = `uchroot-jail remove ${jail} removes the rest`;
    if (error instanceof AbortError) {
      const message = `not complete: the rest of ${jail} is in ${rest}`;
      throw new AbortError(message, signal, { path: rest, hint: goOn });
    }
    if (!(error instanceof JailError)) throw error;
    const { code, path = rest, cause } = error;
    const hint = code === 'EPERM' ? `is it immutable (lsattr(1))? ${goOn}` : goOn;
    throw new JailError(error.message, { code, path, cause, hint });
  }
}

const beside = ({ parent }: Place, name: BytePath): BytePath => joinPath(parent.path, name);

const busy = (message: string, hint: string): JailError => new JailError(message, { code: 'EBUSY', hint });
