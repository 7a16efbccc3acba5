// Sets the modification times of everything but copies. The same sources make the same jail, so the time of the build is never
// used.

import { constants, futimesSync } from 'node:fs';

import { type BytePath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH, type Recorded } from '../manifest/manifest.ts';

const TYPE_BITS = 0o170000; // inode(7)

/** Paths that were left as they are, and new directories. */
interface Present {
  readonly left: ReadonlySet<BytePath>;
  readonly made: ReadonlySet<BytePath>;
}

/** A directory gets the time of the newest copy in it. All other entries get the time of the newest copy in the jail. */
export function setTimes(jail: DirectoryRoot, entries: readonly Recorded[], { left, made }: Present): void {
  const newest = new Map<string, number>();
  let last = 0;
  for (const { path, mtimeMs } of entries) {
    if (mtimeMs === undefined) continue;
    const parent = path.slice(0, path.lastIndexOf('/'));
    newest.set(parent, Math.max(newest.get(parent) ?? 0, mtimeMs));
    last = Math.max(last, mtimeMs);
  }
  for (const { path, kind, source, uid } of entries.toReversed()) {
    if ((kind === 'file' && source !== undefined) || left.has(path)) continue;
    // A service changes its own directory at any time, so only a new one gets a time.
    const isService = kind === 'directory' && uid !== 0;
    if (isService && made.has(path)) setTime(jail, path, 0);
    if (!isService) setTime(jail, path, kind === 'directory' ? (newest.get(path) ?? last) : last);
  }
  for (const path of [MANIFEST_PATH, STORE]) setTime(jail, path, last);
  const root = native.inRootOpen(jail.fd, '/', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    futimesSync(root, last / 1000, last / 1000);
  } finally {
    native.closeDescriptor(root);
  }
}

function setTime(jail: DirectoryRoot, path: BytePath, mtimeMs: number): void {
  try {
    const { nlink, mode } = native.inRootLstat(jail.fd, pathBytes(path));
    // A file with a second name may be a file of the host.
    if ((mode & TYPE_BITS) === constants.S_IFDIR || nlink === 1)
      native.inRootSetTimes(jail.fd, pathBytes(path), mtimeMs);
  } catch (error) {
    // The device could not be made, or a jail user has just removed the path.
    if (errorCode(error) === undefined) throw error;
  }
}
