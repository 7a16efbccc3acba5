// What somebody could change on the way to something in a jail.

import { type BytePath, bytePath, joinPath } from '../../binary/path.ts';
import { errorCode, type FileRoot, type FileStatus } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import type { JailUser } from '../packs/pack.ts';
import { writerOf } from './writable.ts';

const STICKY = 0o1000;

export interface Loose {
  /** Without a link in it. */
  readonly path: BytePath;
  readonly kind: FileStatus['kind'];
  /** As the rest of a sentence. */
  readonly how: string;
}

/**
 * The first directory on the way to `path`, links followed, or what lies there itself, that somebody can write to; where
 * nothing is, the way ends. Undefined if there is none, and if the way leads nowhere: in a circle, or by a name too long.
 * Access control lists are not looked at.
 */
export function looseOn(root: FileRoot, path: BytePath, users: readonly JailUser[]): Loose | undefined {
  try {
    return firstLoose(root, path, users);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function firstLoose(root: FileRoot, path: BytePath, users: readonly JailUser[]): Loose | undefined {
  const { path: end } = walk(root, path);
  let here = bytePath('/');
  let status = root.lstat(here);
  for (const name of [...end.split('/').filter((part) => part !== ''), undefined]) {
    if (status === undefined || status.kind === 'symlink' || status.kind === 'other') return undefined;
    const next = name === undefined ? undefined : joinPath(here, name as BytePath);
    const inside = next && root.lstat(next);
    // what is root's in a sticky directory stays there (unlink(2), EPERM)
    const isKept = (status.mode & STICKY) !== 0 && inside?.uid === 0;
    const how = isKept ? undefined : writerOf({ ...status, hasAcl: false }, users);
    if (how !== undefined) return { path: here, kind: status.kind, how };
    if (next === undefined) return undefined;
    here = next;
    status = inside;
  }
  return undefined;
}
