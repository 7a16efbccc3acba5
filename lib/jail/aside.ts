// Directories beside a jail: a copy until it is complete, a jail that is being removed. What an interrupted run has left of
// them is known by its name.

import { randomBytes } from 'node:crypto';
import { closeSync, constants } from 'node:fs';

import { type BytePath, bytePath, pathBytes } from '../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../binary/root.ts';
import { native, type TreeWork } from '../native.ts';
import { STORE } from './layout.ts';
import { begin, report } from './progress.ts';
import type { JailWork } from './request.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A name that nobody can guess, for work on the jail `name`. */
export function nameAside(name: BytePath): BytePath {
  return `${prefixOf(name)}${randomBytes(12).toString('hex')}` as BytePath;
}

// Cut, so that a name of 255 bytes, the most there is, has one too.
function prefixOf(name: BytePath): string {
  return `.${name.slice(0, 200)}.uchroot-`;
}

/** Opens a directory of `parent` and locks it for as long as it is open; undefined if somebody else has locked it. */
export function openLocked(parent: DirectoryRoot, name: BytePath): number | undefined {
  const fd = native.inRootOpen(parent.fd, pathBytes(name), DIRECTORY);
  if (native.lockFile(fd)) return fd;
  closeSync(fd);
  return undefined;
}

/** Work on a tree that ends when the signal says so. @throws Node's kind of system error; ECANCELED if it was ended */
export async function untilAborted<T extends TreeWork>(
  work: T,
  signal: AbortSignal | undefined,
): Promise<Awaited<T['done']>> {
  const abort = (): void => work.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  try {
    return (await work.done) as Awaited<T['done']>;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Removes a directory of `parent`, whose manifest goes last. @throws as untilAborted */
export async function removeAside(
  parent: DirectoryRoot,
  name: BytePath,
  fd: number,
  { signal, onProgress }: Pick<JailWork, 'signal' | 'onProgress'> = {},
  totalFiles = 0,
): Promise<void> {
  const work = native.emptyTree(fd, STORE.slice(1));
  await report(work, begin('remove', totalFiles), onProgress, () => untilAborted(work, signal));
  await native.emptyTree(fd, '').done;
  native.inRootUnlink(parent.fd, pathBytes(name), true);
}

/** Removes what interrupted runs have left for the jail `name`; true if there was anything. */
export async function removeLeftovers(parent: DirectoryRoot, name: BytePath): Promise<boolean> {
  const prefix = prefixOf(name);
  let found = false;
  for (const left of parent.list(bytePath('/')) ?? []) {
    if (!left.startsWith(prefix) || !/^[0-9a-f]{24}$/.test(left.slice(prefix.length))) continue;
    const status = parent.lstat(left);
    if (status?.kind !== 'directory' || status.uid !== 0) continue;
    found = (await removeLeftover(parent, left)) || found;
  }
  return found;
}

async function removeLeftover(parent: DirectoryRoot, name: BytePath): Promise<boolean> {
  const fd = openLocked(parent, name);
  if (fd === undefined) return false; // somebody is at work on it
  try {
    await removeAside(parent, name, fd);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}
