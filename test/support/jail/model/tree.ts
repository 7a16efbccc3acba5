// A small tree on disk as plain data, and what somebody may do to it.

import {
  chmodSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import * as fc from 'fast-check';

/** Each path below a directory, and everything that counts about it. */
export type Tree = ReadonlyMap<string, string>;

/** The line of a link without its owner: the builder makes links root's, and a link that leads to the same place may stay. */
export function withoutLinkOwner(line: string): string {
  return line.replace(/^(link \S+) \d+$/, '$1');
}

export function readTree(root: string, tops: readonly string[]): Tree {
  const tree = new Map<string, string>();
  const read = (path: string): void => {
    const status = lstatSync(root + path, { throwIfNoEntry: false });
    if (status === undefined) return;
    const { mode, uid, gid } = status;
    const type = mode & constants.S_IFMT;
    if (type === constants.S_IFLNK)
      return void tree.set(path, `link ${readlinkSync(root + path)}${uid === 0 ? '' : ` ${uid}`}`);
    const attributes = `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    if (type !== constants.S_IFDIR)
      return void tree.set(path, `file ${attributes} ${readFileSync(root + path, 'latin1')}`);
    tree.set(path, `directory ${attributes}`);
    for (const name of readdirSync(root + path)) read(`${path}/${name}`);
  };
  tops.forEach(read);
  return tree;
}

export interface Act {
  readonly where: 'host' | 'jail';
  readonly path: string;
  readonly form: 'file' | 'directory' | 'link' | 'nothing' | 'mode' | 'owner';
  /** Tells contents, targets, modes and owners apart. */
  readonly number: number;
}

/** Root's, and the service's. */
export const ROOTS = '/opt/lib';
export const DATA = '/var/lib/app';
export const OWNER = 65534;

const names = ['a', 'b', 'a/x', 'b/x', 'b/x/y'];
export const somePath: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(ROOTS, ROOTS, DATA), fc.constantFrom('', ...names.map((name) => `/${name}`)))
  .map(([top, name]) => top + name);

export const someAct: fc.Arbitrary<Act> = fc.record({
  where: fc.constantFrom('host', 'jail'),
  path: somePath,
  form: fc.constantFrom('file', 'file', 'directory', 'link', 'nothing', 'mode', 'owner'),
  number: fc.integer({ min: 0, max: 3 }),
});

/** Does it, if there is something to do it to. */
export function act(root: string, { where, path, form, number }: Act): void {
  const at = root + path;
  const isTop = path === ROOTS || path === DATA;
  const parent = statusOf(dirname(at));
  if (parent?.isDirectory() !== true || passesLink(root, path)) return;
  const present = statusOf(at);
  if (form === 'mode') {
    if (present !== undefined && !present.isSymbolicLink())
      chmodSync(at, modeOf(present.isDirectory(), number));
    return;
  }
  if (form === 'owner') {
    const owner = path.startsWith(DATA) ? OWNER : 0;
    // the host's are either of the service or root's; in the jail anybody's
    const uid = number === 0 ? owner : where === 'host' ? OWNER - owner : number;
    if (present !== undefined && !(isTop && where === 'host')) lchownSync(at, uid, uid);
    return;
  }
  if (isTop && where === 'host') return; // a copy that is gone is an error of its own
  rmSync(at, { recursive: true, force: true });
  if (form === 'nothing') return;
  if (form === 'file') writeFileSync(at, String(number), { mode: 0o644 });
  if (form === 'link') symlinkSync(`t${number}`, at);
  if (form === 'directory') {
    mkdirSync(at, { mode: 0o755 });
    if (number > 1) writeFileSync(`${at}/x`, String(number), { mode: 0o644 });
  }
  if (path.startsWith(DATA))
    for (const made of [at, `${at}/x`]) if (statusOf(made) !== undefined) lchownSync(made, OWNER, OWNER);
}

function modeOf(isDirectory: boolean, number: number): number {
  return (isDirectory ? [0o755, 0o750, 0o775, 0o700] : [0o644, 0o640, 0o664, 0o755])[number] ?? 0o755;
}

/** Undefined if nothing is there. */
function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** A link on the way would lead out of the tree. */
function passesLink(root: string, path: string): boolean {
  const parts = path.split('/').slice(1, -1);
  return parts.some((_, index) => {
    return statusOf(`${root}/${parts.slice(0, index + 1).join('/')}`)?.isSymbolicLink() === true;
  });
}
