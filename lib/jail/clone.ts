// Clones a jail: a copy of the whole tree, that shares blocks with the template where the file system can, and no inode.

import { closeSync, readlinkSync } from 'node:fs';

import { type BytePath, bytePath, lastComponent, parentPath, pathBytes, showPath } from '../binary/path.ts';
import { type DirectoryRoot, openFileRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { native } from '../native.ts';
import { type Bytes, quote } from '../quote.ts';
import { nameAside, openLocked, removeAside, removeLeftovers, untilAborted } from './aside.ts';
import { openBuilt } from './built.ts';
import { openJailDirectory } from './directory.ts';
import { throwIfAborted, toJailError } from './failure.ts';
import { absolute } from './hostpath.ts';
import { ofRoot } from './list.ts';
import { type Outline, readOutline } from './manifest.ts';
import { begin, report } from './progress.ts';
import { checkBytes, checkWork, type JailWork, requireRoot } from './request.ts';
import { openStore } from './store.ts';

export interface CloneRequest extends JailWork {
  /** The jail to be copied, one that buildJail has made. */
  readonly template: Bytes;
}

export interface CloneReport {
  readonly files: number;
  readonly sizeBytes: number;
  /** What was left out, and why: sockets, what is mounted in the template, devices where mknod is not permitted. */
  readonly skipped: readonly string[];
}

/**
 * Copies a jail to `directory`, which must not exist or be empty, with owners, modes, times, ACLs and its manifest. Until all is
 * copied the copy lies beside it under another name. It is not synced: a clone that a power cut takes away can be made again.
 * @throws JailError ERR_NO_MANIFEST for a template that buildJail has not made, EBUSY if somebody works on it,
 * ERR_INSECURE_PATH, ENOTEMPTY, ABORT_ERR; system errors; UsageError.
 */
export async function cloneJail(request: CloneRequest): Promise<CloneReport> {
  checkWork(request, ['template', 'directory', 'signal', 'onProgress']);
  checkBytes(request.template, 'template');
  requireRoot('cloned');
  const directory = absolute(request.directory);
  const name = lastComponent(directory);
  if (name === '' || name === '..')
    throw new UsageError(`${showPath(directory)} is no place for a jail`, { hint: 'name a new directory' });
  try {
    throwIfAborted(request.signal);
    const template = absolute(request.template);
    const source = openBuilt(template);
    try {
      const manifest = ofRoot(readOutline(source));
      return await cloneBeside(name, { ...request, directory, template, source, manifest });
    } finally {
      source.close();
    }
  } catch (error) {
    throwIfAborted(request.signal);
    throw toJailError(error);
  }
}

interface Cloning extends Pick<JailWork, 'signal' | 'onProgress'> {
  readonly template: BytePath;
  readonly directory: BytePath;
  readonly source: DirectoryRoot;
  readonly manifest: Outline;
}

async function cloneBeside(name: BytePath, cloning: Cloning): Promise<CloneReport> {
  const opened = openJailDirectory(pathBytes(parentPath(cloning.directory)), 'parent');
  try {
    return await cloneInto(openFileRoot(opened.fd), name, cloning);
  } catch (error) {
    opened.undo();
    throw error;
  } finally {
    closeSync(opened.fd);
  }
}

async function cloneInto(parent: DirectoryRoot, name: BytePath, cloning: Cloning): Promise<CloneReport> {
  checkFree(parent, name, cloning.directory);
  refuseInside(parent, cloning.source, cloning.template);
  const store = openStore(cloning.source); // nobody updates it meanwhile
  try {
    await removeLeftovers(parent, name);
    return await copyAside(parent, name, cloning);
  } finally {
    store.close();
  }
}

async function copyAside(
  parent: DirectoryRoot,
  name: BytePath,
  { source, manifest, signal, onProgress }: Cloning,
): Promise<CloneReport> {
  const aside = nameAside(name);
  native.inRootMkdir(parent.fd, pathBytes(aside), 0o700);
  const target = openLocked(parent, aside);
  if (target === undefined) throw new JailError('somebody else works on the copy', { code: 'EBUSY' });
  try {
    const work = native.copyTree(source.fd, target, keptPrivileges(source, manifest).map(pathBytes));
    const {
      files: count,
      sizeBytes,
      skipped,
      skippedCount,
    } = await report(work, begin('copy', manifest.files), onProgress, () => untilAborted(work, signal));
    throwIfAborted(signal);
    // onto a directory only if it is empty (rename(2))
    native.inRootRename(parent.fd, pathBytes(aside), pathBytes(name));
    const more = skippedCount - skipped.length;
    return {
      files: count,
      sizeBytes,
      skipped: [
        ...skipped.map(({ path, why }) => `${quote(path)}: ${why}`),
        ...(more > 0 ? [`and ${more} more`] : []),
      ],
    };
  } catch (error) {
    await removeAside(parent, aside, target);
    throw error;
  } finally {
    closeSync(target);
  }
}

function checkFree(parent: DirectoryRoot, name: BytePath, directory: BytePath): void {
  const present = parent.lstat(name);
  if (present === undefined) return;
  const path = showPath(directory);
  // rename(2) puts nothing in the place of a mount
  if (present.kind === 'directory' && present.dev !== parent.lstat(bytePath('/'))?.dev)
    throw new JailError(`something is mounted on ${path}`, {
      code: 'EBUSY',
      path,
      hint: 'name a directory in it',
    });
  if (present.kind !== 'directory')
    throw new JailError(`${path} is not a directory`, { code: 'ENOTDIR', path });
  if ((parent.list(name) ?? []).length > 0)
    throw new JailError(`${path} is not empty`, {
      code: 'ENOTEMPTY',
      path,
      hint: 'name a new directory, or an empty one',
    });
}

// It would be copied into itself.
function refuseInside(parent: DirectoryRoot, source: DirectoryRoot, template: BytePath): void {
  const [inside, outside] = [parent.fd, source.fd].map((fd) =>
    bytePath(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })),
  );
  if (`${inside}/`.startsWith(`${outside}/`))
    throw new UsageError(`a clone cannot lie in its template ${showPath(template)}`);
}

function keptPrivileges(source: DirectoryRoot, { recipe, privileged }: Outline): readonly BytePath[] {
  const setId = privileged.filter(({ kind, mode }) => kind === 'file' && (mode & 0o6000) !== 0);
  return [...setId.map(({ path }) => path), ...recipe.keepPrivileges.map((path) => walk(source, path).path)];
}
