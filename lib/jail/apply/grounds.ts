// What a judgement on a path of a jail goes by: the manifest, what was named, and who may write there.

import { type BytePath, bytePath, parentPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import { isSame, lookAt, lookOf } from './look.ts';

/** A jail, what it was made of before, and paths that were named to be replaced, with all that lies in them. */
export interface Judging {
  readonly jail: DirectoryRoot;
  readonly before: Manifest | undefined;
  readonly replace: readonly BytePath[];
}

export interface Grounds {
  readonly jail: DirectoryRoot;
  readonly known: ReadonlyMap<BytePath, Recorded>;
  /** Whether the recipe had this path of the host to be copied before. */
  wasCopied(from: string): boolean;
  isNamed(path: BytePath): boolean;
  /** Whether a user of the jail may write there; `status` is undefined if nothing is there. */
  isTheirs(path: BytePath, status: FileStatus | undefined): boolean;
  /** Whether it is what the builder has put there, and nobody may write it. */
  isOurs(path: BytePath, status: FileStatus): Promise<boolean>;
}

export function openGrounds({ jail, before, replace }: Judging): Grounds {
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const copied = new Set(before?.recipe.copies.map(({ from }) => String(from)));
  const mayWrite = openWritable(jail);

  function isTheirs(path: BytePath, status: FileStatus | undefined): boolean {
    // a program that keeps its privileges may belong to another user than root, who is not to write it
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

/** Whether a path is that of a directory, or lies in it. */
export function isAtOrIn(path: BytePath, directory: BytePath): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

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
