// Removes a jail: only one that was built here, only when nothing uses it, and nothing beyond it.

import { closeSync, readFileSync, readlinkSync } from 'node:fs';

import { type BytePath, bytePath, lastComponent, parentPath, pathBytes, showPath } from '../binary/path.ts';
import { type DirectoryRoot, openFileRoot } from '../binary/root.ts';
import { JailError, UsageError } from '../errors.ts';
import { native } from '../native.ts';
import { nameAside, openLocked, removeAside, removeLeftovers } from './aside.ts';
import { mountedWords, mountsBeneath, type Place, userOf } from './busy.ts';
import { openParent } from './directory.ts';
import { throwIfAborted, toJailError } from './failure.ts';
import { absolute } from './hostpath.ts';
import { readBuilt } from './list.ts';
import { checkWork, type JailWork, requireRoot } from './request.ts';
import { openStore } from './store.ts';

export type RemoveRequest = JailWork;

/**
 * Removes a jail that buildJail or cloneJail has made, with all that has come into it. No link is followed and no mount
 * entered. If it is interrupted, what is left lies beside it, and removing the jail again removes that.
 * @throws UsageError for a link; JailError ERR_NO_MANIFEST for a directory that the builder has not made, EBUSY if a process
 * uses it or something is mounted in it, ENOENT, ERR_INSECURE_PATH, ABORT_ERR; system errors.
 */
export async function removeJail(request: RemoveRequest): Promise<void> {
  checkWork(request, ['directory', 'signal', 'onProgress']);
  requireRoot('removed');
  const directory = absolute(request.directory);
  try {
    throwIfAborted(request.signal);
    const opened = openParent(pathBytes(parentPath(directory)));
    try {
      const parent = openFileRoot(opened);
      const name = nameIn(parent, directory);
      const hadLeft = await removeLeftovers(parent, name);
      if (hadLeft && parent.lstat(name) === undefined) return;
      await removeFrom(parent, name, directory, request);
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    throwIfAborted(request.signal);
    throw toJailError(error);
  }
}

function nameIn(parent: DirectoryRoot, directory: BytePath): BytePath {
  const name = lastComponent(directory);
  if (name === '' || name === '..')
    throw new UsageError(`${showPath(directory)} is no jail`, { hint: 'name its directory' });
  if (parent.lstat(name)?.kind === 'symlink')
    throw new UsageError(`${showPath(directory)} is a symbolic link`, { hint: 'name the directory itself' });
  return name;
}

async function removeFrom(
  parent: DirectoryRoot,
  name: BytePath,
  directory: BytePath,
  { signal, onProgress }: RemoveRequest,
): Promise<void> {
  const total = readBuilt(directory, (jail, { entries }) => {
    openStore(jail).close(); // nobody works on it
    return entries.filter(({ kind }) => kind === 'file').length;
  });
  const fd = openLocked(parent, name);
  if (fd === undefined) throw busy(directory, 'somebody else is removing it');
  const aside = nameAside(name);
  try {
    refuseBusy(directory, fd);
    // under another name nothing new can start in it
    native.inRootRename(parent.fd, pathBytes(name), pathBytes(aside));
    try {
      refuseBusy(directory, fd);
      await removeAside(parent, aside, fd, { signal, onProgress }, total);
    } catch (error) {
      // what is left can be removed by its name: the manifest goes last
      native.inRootRename(parent.fd, pathBytes(aside), pathBytes(name));
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

function refuseBusy(directory: BytePath, fd: number): void {
  const { dev, ino } = native.inRootFstat(fd);
  const place: Place = {
    path: bytePath(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })),
    dev,
    ino,
  };
  const why = mountedWords(mountsBeneath(readFileSync('/proc/self/mountinfo'), place)) ?? userOf(place);
  if (why !== undefined) throw busy(directory, why);
}

function busy(directory: BytePath, why: string): JailError {
  const path = showPath(directory);
  return new JailError(`${path} is in use: ${why}`, {
    code: 'EBUSY',
    path,
    hint: 'end the process, or unmount it, and try again',
  });
}
