// A jail as an entry of its parent directory, so that it can be created and removed as a whole by one rename(2).

import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import {
  type BytePath,
  bytePath,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
} from '../../tree/path.ts';
import { type DirectoryRoot, type FileStatus, openFileRoot } from '../../tree/root.ts';
import { JailError, UsageError } from '../../errors.ts';
import { native } from '../../native.ts';
import { caller } from '../../trust/owner.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { errorCode } from '../../words/system-error.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH } from '../manifest/manifest.ts';
import { openJailDirectory } from './jail-directory.ts';

const NAME_MAX = 255;

/** `root` is the parent directory; the jail need not exist. In its `path` on the host, only the last component may be a link. */
export type Place = ReturnType<typeof openPlace>;

/** Opens the parent of the absolute path `hostPath`. @throws UsageError without a last component; else as openJailDirectory. */
export function openPlace(hostPath: BytePath, isMade: boolean) {
  const name = lastComponent(hostPath);
  if (name === '' || name === '.' || name === '..')
    throw new UsageError(`${showPath(hostPath)} is not the name of a jail in a directory`, {
      hint: 'name a directory of its own, such as /srv/jail',
    });
  const parent = openJailDirectory(pathBytes(parentPath(hostPath)), { what: 'parent', isMade });
  return { parent, root: openFileRoot(parent.fd, caller()), name, path: joinPath(parent.path, name) };
}

/** The status of an entry of the parent; a link is not followed. */
export const lookAt = ({ root }: Place, name: BytePath): FileStatus | undefined => root.lstat(inRoot(name));

/** The path of an entry, as the parent's root sees it. */
export const inRoot = (name: BytePath): BytePath => `/${name}` as BytePath;

/** Opens a directory of the parent, also for flock(2). */
export const openAt = ({ parent }: Place, name: BytePath): number => openDirectoryIn(parent.fd, name);

// Node's own call closes the descriptor when a worker is terminated; otherwise a lock would remain until the service ends.
function openDirectoryIn(directoryFd: number, name: BytePath): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return openSync(pathBytes(`/proc/self/fd/${directoryFd}/${name}` as BytePath), flags);
}

/** Renames within the parent without replacing anything. @throws the system error EEXIST; EBUSY for a mount point. */
export function renameAt({ parent }: Place, from: BytePath, to: BytePath): void {
  const [source, target] = [pathBytes(inRoot(from)), pathBytes(inRoot(to))];
  try {
    native.inRootRenameNew(parent.fd, source, target);
  } catch (error) {
    // The file system has no RENAME_NOREPLACE. A directory can replace only an empty directory (rename(2)).
    if (errorCode(error) !== 'EINVAL') throw error;
    native.inRootRename(parent.fd, source, target);
  }
}

const SUFFIX = {
  clone: '.uchroot-',
  export: '.uchroot-export-',
  image: '.uchroot-image-',
  remove: '.uchroot-removed-',
} as const;

/** A random name in the same directory, `.NAME.uchroot-…`; NAME is cut if the result would be too long. */
export function hiddenName(
  name: BytePath,
  purpose: keyof typeof SUFFIX,
  random = randomBytes(12).toString('hex'),
): BytePath {
  const suffix = SUFFIX[purpose] + random;
  return `.${name.slice(0, NAME_MAX - 1 - suffix.length)}${suffix}` as BytePath;
}

/** Whether `hidden` is a hiddenName of `name`. */
export function isHiddenName(hidden: BytePath, name: BytePath, purpose: keyof typeof SUFFIX): boolean {
  const random = /[0-9a-f]{24}$/.exec(hidden)?.[0];
  return random !== undefined && hidden === hiddenName(name, purpose, random);
}

const SIGNS: ReadonlySet<string> = new Set(['usr', 'bin', STORE.slice(1)]);

/** Whether a directory is empty, or has a name that the top directory of a jail has. A mistyped one, such as /home, must not become a jail. */
export function canBeJail(directory: DirectoryRoot): boolean {
  const names = directory.list(bytePath('/'))?.filter((name) => name !== 'lost+found') ?? [];
  return names.length === 0 || names.some((name) => SIGNS.has(name));
}

/** Whether uchroot-jail has built the jail: only its owner can have written its manifest. */
export function hasManifest(jail: DirectoryRoot): boolean {
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || !isRootsAlone(store)) return false;
  const manifest = jail.lstat(MANIFEST_PATH);
  return manifest?.kind === 'file' && manifest.uid === 0;
}

/** The error for a directory without a manifest; `otherwise` is what to say if no interrupted build has left it. */
export function withoutManifest(
  jail: DirectoryRoot,
  directory: BytePath,
  otherwise: { readonly what?: string; readonly hint: string },
): JailError {
  const { what = 'uchroot-jail has not built it', hint } = otherwise;
  const path = showPath(directory);
  const given = { code: 'ERR_NO_MANIFEST', path } as const;
  const store = jail.lstat(STORE);
  if (store?.kind !== 'directory' || store.uid !== 0)
    return new JailError(`${path} has no manifest: ${what}`, { ...given, hint });
  return new JailError(`${path} has no manifest, as after an interrupted build`, {
    ...given,
    hint: 'run the same build again: it completes the jail',
  });
}

/**
 * Locks the jail, `shared` or exclusively, until the caller closes the descriptor.
 * @throws JailError EBUSY if another process holds the lock; system errors if there is no store
 */
export function lockStore(jail: { readonly fd: number; readonly path: BytePath }, shared: boolean): number {
  const fd = openDirectoryIn(jail.fd, STORE_NAME);
  if (shared ? native.lockShared(fd) : native.lockFile(fd)) return fd;
  closeSync(fd);
  throw new JailError(`another uchroot-jail works on ${showPath(jail.path)}`, {
    code: 'EBUSY',
    hint: 'wait until it has ended',
  });
}

/** The name of the builder's directory in the jail. */
export const STORE_NAME: BytePath = STORE.slice(1) as BytePath;
