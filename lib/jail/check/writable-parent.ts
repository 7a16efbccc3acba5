// Whether somebody can exchange what a path of a jail leads to: by the path itself, or by a directory on the way to it.

import { constants } from 'node:fs';

import { type BytePath, bytePath, joinPath, pathBytes } from '../../binary/path.ts';
import type { FileRoot, FileStatus } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import type { PathComponent } from '../../native.ts';
import { judgeWay } from '../../trust/way.ts';
import type { JailUser } from '../packs/pack.ts';
import { lookOr } from '../work/jail-error.ts';
import { toPerson } from './jail-writers.ts';

export interface Loose {
  /** Links in it are resolved. */
  readonly path: BytePath;
  readonly kind: FileStatus['kind'];
  /** How it can be written, as a sentence. */
  readonly how: string;
}

/**
 * The first thing on the way to `path` that one of the users can write to, or without users anybody but root: a directory, those
 * that links lead through included, or the end itself. The way ends where nothing is there. Undefined if there is no such thing,
 * or if the way leads nowhere: in a circle, or by a name that is too long.
 */
export function looseOn(root: FileRoot, path: BytePath, users: readonly JailUser[]): Loose | undefined {
  return lookOr(undefined, () => firstLoose(root, path, users));
}

function firstLoose(root: FileRoot, path: BytePath, users: readonly JailUser[]): Loose | undefined {
  const { links, path: end } = walk(root, path);
  const way = new JailWay(root);
  for (const link of links) way.add(link.path);
  way.add(end);
  const found = judgeWay(way, users.map(toPerson)).find(({ refuses }) => refuses);
  if (found === undefined) return undefined;
  const at = bytePath(found.component.path);
  return { path: at, kind: root.lstat(at)?.kind ?? 'other', how: `it ${found.how}` };
}

// Each directory that exists, once.
class JailWay {
  readonly components: PathComponent[] = [];
  readonly isHostRoot = false;
  isParent = false;
  readonly #root: FileRoot;
  readonly #indices = new Map<BytePath, number>();

  constructor(root: FileRoot) {
    this.#root = root;
  }

  add(path: BytePath): void {
    const names = path.split('/').filter((part) => part !== '') as BytePath[];
    let here = bytePath('/');
    let parent = this.#put(here, -1, names.length === 0);
    for (const [index, name] of names.entries()) {
      if (parent === undefined) return;
      here = joinPath(here, name);
      parent = this.#put(here, parent, index === names.length - 1);
    }
  }

  // The end of a path is added last, even if it was added before.
  #put(path: BytePath, parent: number, isEnd: boolean): number | undefined {
    const known = this.#indices.get(path);
    if (known !== undefined && !isEnd) return known;
    const status = this.#root.lstat(path);
    const above = this.components[parent];
    if (status === undefined) {
      if (above !== undefined) this.components.push(above); // whoever can write to the directory can make it
      return undefined;
    }
    const { mode, uid, gid, kind, acl } = status;
    // everybody may write to a device or a fifo: only its owner and its directory count
    this.isParent = kind === 'other' || kind === 'symlink';
    const fullMode = kind === 'other' ? 0 : kind === 'symlink' ? constants.S_IFLNK | mode : mode;
    this.components.push({ path: pathBytes(path), parent, mode: fullMode, uid, gid, ...(acl && { acl }) });
    this.#indices.set(path, this.components.length - 1);
    return this.components.length - 1;
  }
}
