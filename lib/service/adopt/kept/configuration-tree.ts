// The files of a configuration, and the differences between two configurations.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';

import { type BytePath, bytePath, pathBytes } from '../../../tree/path.ts';

/** The owner, mode and content of each file in one line, by its path below the top: '' or `/site.conf`. */
export type Tree = ReadonlyMap<BytePath, string>;

export interface Bound {
  readonly entries: number;
  readonly bytes: number;
}

const top = '' as BytePath;

const join = (...parts: readonly string[]): BytePath => parts.join('') as BytePath;

function contentOf(path: Buffer, status: Stats): string {
  if (status.isSymbolicLink()) return readlinkSync(path, 'latin1');
  return status.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}

/** Reads the tree at `directory`, which may be a file too. @returns undefined if it is larger than the bound */
export function readTree(
  directory: BytePath,
  bound: Bound,
): { readonly tree: Tree; readonly bytes: number } | undefined {
  const tree = new Map<BytePath, string>();
  const left: BytePath[] = [top];
  let bytes = 0;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const place = pathBytes(join(directory, path));
    const status = lstatSync(place, { throwIfNoEntry: false });
    if (status === undefined) continue;
    if (status.isFile()) bytes += status.size;
    if (tree.size === bound.entries || bytes > bound.bytes) return undefined;
    const { mode, uid, gid } = status;
    tree.set(path, [mode, uid, gid, contentOf(place, status)].join(' '));
    if (!status.isDirectory()) continue;
    for (const name of readdirSync(place, { encoding: 'buffer' })) left.push(join(path, '/', bytePath(name)));
  }
  return { tree, bytes };
}

const above = (path: BytePath): BytePath => path.slice(0, path.lastIndexOf('/')) as BytePath;

/**
 * The paths that only one of two trees has, or that differ in owner, mode, content or target. If only one tree has a directory, the
 * directory is listed, but not its files.
 */
export function differences(one: Tree, other: Tree): readonly BytePath[] {
  const isAlone = (path: BytePath): boolean => one.has(path) !== other.has(path);
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => one.get(path) !== other.get(path))
    .filter((path) => !isAlone(path) || path === top || !isAlone(above(path)))
    .toSorted();
}

/** The same for trees in two directories. A tree that is larger than the bound counts as different. */
export function changedPaths(kept: BytePath, live: BytePath, bound: Bound): readonly BytePath[] {
  const [one, other] = [readTree(kept, bound), readTree(live, bound)];
  return one === undefined || other === undefined ? [top] : differences(one.tree, other.tree);
}
