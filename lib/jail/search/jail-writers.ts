// Finds out who can write to a file of a jail, or can replace it: through the path itself, or through a directory on the way.

import { constants } from 'node:fs';

import { type BytePath, bytePath, joinPath, pathBytes, showPath } from '../../tree/path.ts';
import type { FileRoot, FileStatus } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import type { PathComponent } from '../../native.ts';
import { judgeWay } from '../../trust/way.ts';
import { isStranger, isWriter, octal, type Person, type Writer, writersOf } from '../../trust/writer.ts';
import { lookOr } from '../../words/system-error.ts';
import type { JailUser } from '../packs/pack.ts';

type Access = Pick<PathComponent, 'mode' | 'uid' | 'gid'> & { readonly hasAcl: boolean };

/** Somebody who is to be jailed, with his name. */
export interface JailPerson extends Person {
  readonly name: string;
}

export function toPerson({ name, uid, gid, groups }: JailUser): JailPerson {
  return { name, uid, gids: [gid, ...groups.map((group) => group.gid)] };
}

/**
 * How one of the people can write to it, or make it writable for himself, as a sentence; undefined if none can. Without people:
 * how anybody but root can. An access control list that is not given is taken to name one of them.
 */
export function writerOf(access: Access, people: readonly Person[], list?: Uint8Array): string | undefined {
  // an empty list cannot be understood, and so counts for everybody
  const acl = list ?? (access.hasAcl ? Buffer.alloc(0) : undefined);
  const writer = writersOf({ ...access, acl }).find((one) =>
    people.length === 0 ? isStranger(one) : people.some((person) => isWriter(one, person)),
  );
  return writer && howOf(writer, octal(access.mode));
}

/** The same for an entry of a jail. Its access control list is read if it matters whom it names. */
export function writerIn(
  { root, users }: { readonly root: FileRoot; readonly users: readonly Person[] },
  entry: Access & { readonly path: BytePath },
): string | undefined {
  const isListed = entry.hasAcl && (entry.mode & 0o022) === 0o020;
  const { acl, gid = entry.gid } =
    (isListed ? lookOr(undefined, () => root.lstat(entry.path)) : undefined) ?? {};
  return writerOf({ ...entry, gid }, users, acl);
}

function howOf(writer: Writer, mode: string): string {
  switch (writer.kind) {
    case 'owner':
      return `it belongs to uid ${writer.uid}`;
    case 'everybody':
      return `everybody can write it (mode ${mode})`;
    case 'listed':
      return `uid ${writer.uid} can write it through an access control list`;
    case 'group':
      return `group ${writer.gid} can write it ${writer.isListed ? 'through an access control list' : `(mode ${mode})`}`;
    case 'unknown':
      return `an access control list lets others write it (mode ${mode})`;
    default:
      return writer satisfies never;
  }
}

export interface Loose {
  /** Links in it are resolved. */
  readonly path: BytePath;
  readonly kind: FileStatus['kind'];
  /** How it can be written, as a sentence. */
  readonly how: string;
}

/** The end of a message about what leads there. */
export const wordsOf = ({ path, how }: Loose): string => `of ${showPath(path)}: ${how}`;

/**
 * The first thing on the way to `path` that one of the people can write to, or without people anybody but root: a directory, those
 * that links lead through included, or the end itself. The way ends where nothing is there. Undefined if there is no such thing,
 * or if the way leads nowhere: in a circle, or by a name that is too long.
 */
export function looseOn(root: FileRoot, path: BytePath, people: readonly Person[]): Loose | undefined {
  return lookOr(undefined, () => {
    const { links, path: end } = walk(root, path);
    const way = new JailWay(root);
    for (const link of links) way.add(link.path);
    way.add(end);
    const found = judgeWay(way, people).find(({ refuses }) => refuses);
    if (found === undefined) return undefined;
    const at = bytePath(found.component.path);
    return { path: at, kind: root.lstat(at)?.kind ?? 'other', how: `it ${found.how}` };
  });
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
    const index =
      this.components.push({ path: pathBytes(path), parent, mode: fullMode, uid, gid, ...(acl && { acl }) }) -
      1;
    this.#indices.set(path, index);
    return index;
  }
}
