// Compares the object at a path of a jail with the manifest, tells who can write to it, and describes a path that was left as it is.

import { constants } from 'node:fs';

import { type BytePath, bytePath, joinPath, parentPath, pathBytes } from '../../tree/path.ts';
import type { DirectoryRoot, FileStatus } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { isRootsAlone, octal } from '../../trust/writer.ts';
import { hashInJail } from '../manifest/file-hash.ts';
import type { Recorded } from '../manifest/manifest.ts';
import { toText } from '../manifest/path-text.ts';
import type { FileFacts } from './file-facts.ts';

/** The compared properties of a path. Mode and owner of a link do not count. */
export interface Look {
  readonly kind: Recorded['kind'] | 'special';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** A file's SHA-256, or its size if it was not read; a link's target; a device's number. */
  readonly content: string;
}

// A jail user can quickly make a huge sparse file, which would take long to read.
const MAX_STRANGE_BYTES = 1 << 30;

/** Looks at a path, and hashes a file unless `facts` has its hash, or it is very large and has none of the `expected` sizes. */
export async function lookAt(
  jail: DirectoryRoot,
  path: BytePath,
  status: FileStatus,
  known: { readonly expected?: readonly (number | undefined)[]; readonly facts?: FileFacts | undefined } = {},
): Promise<Look> {
  const { kind, mode, uid, gid, sizeBytes, target } = status;
  switch (kind) {
    case 'symlink':
      return { kind: 'link', mode: 0o777, uid: 0, gid: 0, content: target ?? '' };
    case 'file': {
      const isStrange = known.expected?.includes(sizeBytes) === false && sizeBytes > MAX_STRANGE_BYTES;
      const read = async () => (isStrange ? `${sizeBytes} bytes` : ((await hashInJail(jail, path)) ?? ''));
      return { kind, mode, uid, gid, content: known.facts?.sha256 ?? (await read()) };
    }
    case 'directory':
      return { kind, mode, uid, gid, content: '' };
    case 'other':
      return lookAtSpecial(jail, path, status);
    default:
      return kind satisfies never;
  }
}

function lookAtSpecial(jail: DirectoryRoot, path: BytePath, { mode, uid, gid }: FileStatus): Look {
  const status = native.inRootLstat(jail.fd, pathBytes(path));
  const type = status.mode & constants.S_IFMT;
  const isDevice = type === constants.S_IFCHR;
  const content = isDevice ? `${status.major}:${status.minor}` : String(type);
  return { kind: isDevice ? 'device' : 'special', mode, uid, gid, content };
}

export function lookOf({ kind, mode, uid, gid, sha256, target, major, minor }: Recorded): Look {
  const content = { file: sha256, link: target, directory: '', device: `${major}:${minor}` }[kind] ?? '';
  return kind === 'link' ? { kind, mode: 0o777, uid: 0, gid: 0, content } : { kind, mode, uid, gid, content };
}

export function lineOf({ kind, mode, uid, gid, content }: Look): string {
  return `${kind} ${mode.toString(8)} ${uid}:${gid} ${content}`;
}

export const isSame = (one: Look, other: Look): boolean => lineOf(one) === lineOf(other);

/** The line of the object at a path; null if there is none. */
export async function lineAt(jail: DirectoryRoot, path: BytePath): Promise<string | null> {
  const status = jail.lstat(path);
  return status === undefined ? null : lineOf(await lookAt(jail, path, status));
}

/** Changes when a file is replaced or written to (inode(7)). */
export function stampOf(status: FileStatus | undefined): string {
  if (status === undefined) return '';
  const { dev, ino, kind, mode, uid, gid, sizeBytes, mtimeMs } = status;
  // A directory can get new entries at any time.
  const content = kind === 'directory' ? [] : [sizeBytes, mtimeMs];
  return [dev, ino, kind, mode, uid, gid, ...content].join(' ');
}

/** Whether `accept` returns true for all entries of a directory, at any depth. */
export async function everyIn(
  jail: DirectoryRoot,
  directory: BytePath,
  accept: (path: BytePath, status: FileStatus) => Promise<boolean>,
): Promise<boolean> {
  for (const name of jail.list(directory) ?? []) {
    const path = joinPath(directory, name);
    const status = jail.lstat(path);
    if (status === undefined) continue;
    if (!(await accept(path, status))) return false;
    if (status.kind === 'directory' && !(await everyIn(jail, path, accept))) return false;
  }
  return true;
}

/**
 * `writable`: a jail user can write it. `changed`: it was changed in the jail. `unknown`: the builder has not made it. `removed`:
 * it was removed in a directory that a jail user can write, or is a file of /etc that was removed. `new`: it is new on the host, in a service's data directory. `unneeded`: it is no longer planned.
 */
export type LeftBecause = 'writable' | 'changed' | 'unknown' | 'removed' | 'new' | 'unneeded';

export interface LeftSide {
  readonly kind: Look['kind'];
  /** Permission bits, in octal. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** The hash of a file, in hexadecimal. Missing if the file is larger than 1 GiB and does not have the planned size. */
  readonly sha256?: string;
  /** The target of a link. */
  readonly target?: string;
}

export interface Left {
  /** As seen from the jail. A byte that is not UTF-8 is a lone surrogate U+DC80…U+DCFF. */
  readonly path: string;
  readonly because: LeftBecause;
  /** The host has a newer version, which was not put in the jail. */
  readonly isOutdated: boolean;
  /** The object in the jail, and the planned one. Undefined: none. */
  readonly jail: LeftSide | undefined;
  readonly host: LeftSide | undefined;
}

export function toLeft(
  path: BytePath,
  because: LeftBecause,
  isOutdated: boolean,
  { jail, host }: { readonly jail?: Look | undefined; readonly host?: Look },
): Left {
  return { path: toText(path), because, isOutdated, jail: jail && toSide(jail), host: host && toSide(host) };
}

const SHA256 = /^[0-9a-f]{64}$/;

function toSide({ kind, mode, uid, gid, content }: Look): LeftSide {
  return {
    kind,
    mode: octal(mode),
    uid,
    gid,
    ...(kind === 'file' && SHA256.test(content) && { sha256: content }),
    ...(kind === 'link' && { target: toText(content as BytePath) }),
  };
}

const STICKY = 0o1000;

/** `status` is undefined if nothing is at the path. */
export type MayWrite = (path: BytePath, status: FileStatus | undefined) => boolean;

/**
 * Whether a user other than root can write to a path. Owner and mode of the path and of each directory above decide (lib/trust).
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
  // everybody may follow a link, whatever its mode is
  return !isRootsAlone({ uid, mode: kind === 'symlink' ? 0 : mode });
}
