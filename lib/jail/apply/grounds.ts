// The facts by which a path of a jail is judged: the manifest, the named paths, and who can write there.

import { type BytePath, bytePath, parentPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import { isSame, lookAt, lookOf } from './look.ts';

export interface Judging {
  readonly jail: DirectoryRoot;
  readonly before: Manifest | undefined;
  /** Paths to replace, with all their content. */
  readonly replace: readonly BytePath[];
}

export interface Grounds {
  readonly jail: DirectoryRoot;
  readonly known: ReadonlyMap<BytePath, Recorded>;
  /** Whether the previous recipe had this host path among its copies. */
  wasCopied(from: string): boolean;
  isNamed(path: BytePath): boolean;
  /** Whether a user of the jail can write there. `status` is undefined if nothing is there. */
  isTheirs(path: BytePath, status: FileStatus | undefined): boolean;
  /** Whether the builder has put it there, it is unchanged, and no user of the jail can change it. */
  isOurs(path: BytePath, status: FileStatus): Promise<boolean>;
}

export function openGrounds({ jail, before, replace }: Judging): Grounds {
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const copied = new Set(before?.recipe.copies.map(({ from }) => String(from)));
  const mayWrite = openWritable(jail);

  function isTheirs(path: BytePath, status: FileStatus | undefined): boolean {
    // A set-user-ID program can belong to a user who must not be able to change it: it is judged as if root owned it.
    const isProgram = known.get(path)?.keepPrivileges === true;
    return mayWrite(path, isProgram && status !== undefined ? { ...status, uid: 0 } : status);
  }

  return {
    jail,
    known,
    wasCopied: (from) => copied.has(from),
    isNamed: (path) => replace.some((named) => isAtOrIn(path, named)),
    isTheirs,
    isOurs: async (path, status) => {
      const old = known.get(path);
      if (old === undefined || isTheirs(path, status)) return false;
      return isSame(await lookAt(jail, path, status, { expected: [old.sizeBytes] }), lookOf(old));
    },
  };
}

export function isAtOrIn(path: BytePath, directory: BytePath): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

const STICKY = 0o1000;

export type MayWrite = (path: BytePath, status: FileStatus | undefined) => boolean;

/**
 * Whether a user other than root can write to a path. Owner and mode of the path and of each directory above decide. Access
 * control lists need not be read: the group bits of the mode are the list's mask (acl(5)).
 */
export function openWritable(jail: DirectoryRoot): MayWrite {
  const directories = new Map<BytePath, { readonly self: boolean; readonly sticky: boolean }>();

  function look(directory: BytePath): { readonly self: boolean; readonly sticky: boolean } {
    const known = directories.get(directory);
    if (known !== undefined) return known;
    const status = jail.lstat(directory);
    const above = directory !== '/' && isExchangeable(directory, status);
    const self = above || (status !== undefined && isOthers(status));
    // In a sticky directory, other users cannot remove or rename root's entries (unlink(2), EPERM).
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
