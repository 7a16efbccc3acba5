// What a judgement on a path of a jail goes by: the manifest, what was named, and who may write there.

import type { BytePath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import { isSame, lookAt, lookOf } from './look.ts';
import { openWritable } from './writable.ts';

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
