// A jail by the directory that it lies in and its name there: it comes and goes as a whole, by one rename(2).

import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import {
  type BytePath,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
} from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, type FileStatus, openFileRoot } from '../../binary/root.ts';
import { JailError, UsageError } from '../../errors.ts';
import { native } from '../../native.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH } from '../manifest/manifest.ts';
import { type JailDirectory, openParentDirectory } from './jail-directory.ts';
const NAME_MAX = 255;

/** The parent's files with the parent as their root; the jail need not be there. */
export interface Place {
  readonly parent: JailDirectory;
  readonly root: DirectoryRoot;
  readonly name: BytePath;
  /** The path of the jail on the host; all links but a last one are resolved. */
  readonly path: BytePath;
}

/**
 * The place that `hostPath` names, an absolute path.
 * @param isMade whether directories that are missing above it are made.
 * @throws UsageError if it has no last component; as openParentDirectory.
 */
export function openPlace(hostPath: BytePath, isMade: boolean): Place {
  const name = lastComponent(hostPath);
  if (name === '' || name === '.' || name === '..')
    throw new UsageError(`${showPath(hostPath)} is not the name of a jail in a directory`);
  const parent = openParentDirectory(pathBytes(parentPath(hostPath)), isMade);
  return { parent, root: openFileRoot(parent.fd), name, path: joinPath(parent.path, name) };
}

/** The status of an entry of the parent; a link is not followed. */
export function lookAt({ root }: Place, name: BytePath): FileStatus | undefined {
  return root.lstat(inRoot(name));
}

/** The name as a path of the parent's own root. */
export function inRoot(name: BytePath): BytePath {
  return `/${name}` as BytePath;
}

/** Opens a directory at the place, for flock(2) too. */
export function openAt({ parent }: Place, name: BytePath): number {
  return openDirectoryIn(parent.fd, name);
}

/**
 * Opens a directory that is an entry of an open one. With node's own call, since it closes what it has opened when a worker
 * is terminated: a lock would stay for as long as the service runs.
 * @throws the system error; ELOOP or ENOTDIR for a link
 */
function openDirectoryIn(directoryFd: number, name: BytePath): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return openSync(pathBytes(`/proc/self/fd/${directoryFd}/${name}` as BytePath), flags);
}

/** Renames within the parent, and replaces nothing. @throws the system error EEXIST, EBUSY for a mount point. */
export function renameAt({ parent }: Place, from: BytePath, to: BytePath): void {
  const [source, target] = [pathBytes(inRoot(from)), pathBytes(inRoot(to))];
  try {
    native.inRootRename(parent.fd, source, target, true);
  } catch (error) {
    // A file system that cannot exclude it. rename(2) of a directory replaces an empty directory and nothing else.
    if (errorCode(error) !== 'EINVAL') throw error;
    native.inRootRename(parent.fd, source, target);
  }
}

/** A name beside the jail's that nobody can guess: `.NAME.uchroot-…`, NAME cut if it would be too long. */
export function hiddenName(name: BytePath, purpose: 'clone' | 'remove'): BytePath {
  const suffix = `${SUFFIX[purpose]}${randomBytes(12).toString('hex')}`;
  return `.${name.slice(0, NAME_MAX - 1 - suffix.length)}${suffix}` as BytePath;
}

/** Whether `hidden` is a hiddenName of `name`. */
export function isHiddenName(hidden: BytePath, name: BytePath, purpose: 'clone' | 'remove'): boolean {
  const random = /[0-9a-f]{24}$/.exec(hidden)?.[0];
  if (random === undefined) return false;
  const suffix = SUFFIX[purpose] + random;
  return hidden === `.${name.slice(0, NAME_MAX - 1 - suffix.length)}${suffix}`;
}

const SUFFIX = { clone: '.uchroot-', remove: '.uchroot-removed-' } as const;

/** Whether uchroot-jail has made the jail: nobody else than root can have put the manifest there. */
export function hasManifest(jail: DirectoryRoot): boolean {
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || store.uid !== 0 || (store.mode & 0o022) !== 0) return false;
  const manifest = jail.lstat(MANIFEST_PATH);
  return manifest?.kind === 'file' && manifest.uid === 0;
}

/**
 * Keeps others from changing the jail, or from working on it at all; the caller closes the descriptor.
 * @throws JailError EBUSY if somebody does already; system errors, if there is no store
 */
export function lockStore(jail: { readonly fd: number; readonly path: BytePath }, shared: boolean): number {
  const fd = openDirectoryIn(jail.fd, STORE_NAME);
  if (native.lockFile(fd, shared)) return fd;
  closeSync(fd);
  throw new JailError(`another uchroot-jail works on ${showPath(jail.path)}`, {
    code: 'EBUSY',
    hint: 'wait until it has ended',
  });
}

/** The builder's directory as an entry of the jail. */
export const STORE_NAME: BytePath = STORE.slice(1) as BytePath;
