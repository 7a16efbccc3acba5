// The files of a configuration, and the differences between two configurations.
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';

import { type BytePath, bytePath, pathBytes } from '../../../tree/path.ts';

export interface TreeEntry {
  /** With the type of the file (inode(7)). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In bytes; 0 unless it is a file. */
  readonly size: number;
  /** Of a symbolic link. */
  readonly target: BytePath | undefined;
}

/** By the path below the top: '' for the top itself, or `/site.conf`. */
export type Tree = ReadonlyMap<BytePath, TreeEntry>;

export interface Bound {
  readonly entries: number;
  readonly bytes: number;
}

const top = '' as BytePath;

const join = (...parts: readonly string[]): BytePath => parts.join('') as BytePath;

function toEntry(status: Stats, path: BytePath): TreeEntry {
  const { mode, uid, gid } = status;
  const target = status.isSymbolicLink()
    ? bytePath(readlinkSync(pathBytes(path), { encoding: 'buffer' }))
    : undefined;
  return { mode, uid, gid, size: status.isFile() ? status.size : 0, target };
}

/** Reads the tree at `directory`, which may be a file too. @returns undefined if it is larger than the bound */
export function readTree(directory: BytePath, bound: Bound): Tree | undefined {
  const found = new Map<BytePath, TreeEntry>();
  const left: BytePath[] = [top];
  let bytes = 0;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const place = join(directory, path);
    const status = lstatSync(pathBytes(place), { throwIfNoEntry: false });
    if (status === undefined) continue;
    const entry = toEntry(status, place);
    bytes += entry.size;
    found.set(path, entry);
    if (found.size > bound.entries || bytes > bound.bytes) return undefined;
    if (!status.isDirectory()) continue;
    for (const name of readdirSync(pathBytes(place), { encoding: 'buffer' }))
      left.push(join(path, '/', bytePath(name)));
  }
  return found;
}

const above = (path: BytePath): BytePath => path.slice(0, path.lastIndexOf('/')) as BytePath;

const isSameEntry = (one: TreeEntry, other: TreeEntry): boolean =>
  one.mode === other.mode &&
  one.uid === other.uid &&
  one.gid === other.gid &&
  one.size === other.size &&
  one.target === other.target;

/**
 * The paths that only one of two trees has, or that differ in owner, mode, content or target. If only one tree has a directory, the
 * directory is listed, but not its files. `isSameContent` is called for files of the same size.
 */
export function differences(
  one: Tree,
  other: Tree,
  isSameContent: (path: BytePath) => boolean,
): readonly BytePath[] {
  const isAlone = (path: BytePath): boolean => one.has(path) !== other.has(path);
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => {
      if (isAlone(path)) return path === top || !isAlone(above(path));
      const [a, b] = [one.get(path), other.get(path)];
      return a === undefined || b === undefined || !isSameEntry(a, b) || (a.size > 0 && !isSameContent(path));
    })
    .toSorted();
}

const content = (directory: BytePath, path: BytePath): Buffer =>
  readFileSync(pathBytes(join(directory, path)));

/** The same for trees in two directories. A tree that is larger than the bound counts as different. */
export function changedPaths(kept: BytePath, live: BytePath, bound: Bound): readonly BytePath[] {
  const [one, other] = [readTree(kept, bound), readTree(live, bound)];
  if (one === undefined || other === undefined) return [top];
  return differences(one, other, (path) => content(kept, path).equals(content(live, path)));
}
