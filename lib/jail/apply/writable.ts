// Whether somebody other than root may write something in a jail: then it is his data.

import { type BytePath, bytePath, parentPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';

const STICKY = 0o1000;

/** `status` is that of the path, if anything lies there. */
export type MayWrite = (path: BytePath, status: FileStatus | undefined) => boolean;

/**
 * Judges by owner and mode, of the path itself and of each directory above it. An access control list needs no look of its own:
 * what it grants at most stands in the place of the group's bits (acl(5)), and any bit there counts.
 */
export function openWritable(jail: DirectoryRoot): MayWrite {
  const directories = new Map<BytePath, { readonly self: boolean; readonly sticky: boolean }>();

  function look(directory: BytePath): { readonly self: boolean; readonly sticky: boolean } {
    const known = directories.get(directory);
    if (known !== undefined) return known;
    const status = jail.lstat(directory);
    const above = directory !== '/' && isExchangeable(directory, status);
    const self = above || (status !== undefined && isOthers(status));
    // in a sticky directory entries of root stay where they are (unlink(2), EPERM)
    const sticky = !above && status !== undefined && status.uid === 0 && (status.mode & STICKY) !== 0;
    const seen = { self, sticky };
    directories.set(directory, seen);
    return seen;
  }

  function isExchangeable(path: BytePath, status: FileStatus | undefined): boolean {
    const { self, sticky } = look(parentPath(path));
    return self && !(sticky && status?.uid === 0);
  }

  return (path, status) =>
    (status !== undefined && isOthers(status)) || (path !== bytePath('/') && isExchangeable(path, status));
}

function isOthers({ kind, mode, uid }: FileStatus): boolean {
  return uid !== 0 || (kind !== 'symlink' && (mode & 0o022) !== 0);
}
