// Compares the object at a path of a jail with the manifest.

import { type BytePath, bytePath, joinPath, pathBytes } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { hashInJail } from '../manifest/file-hash.ts';
import type { FileFacts } from './file-facts.ts';
import type { Recorded } from '../manifest/manifest.ts';

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

/**
 * Looks at a path, and hashes a file unless `facts` hold its hash. A very large file that has none of the `expected` sizes is not
 * read.
 */
export async function lookAt(
  jail: DirectoryRoot,
  path: BytePath,
  status: FileStatus,
  {
    expected,
    facts,
  }: { readonly expected?: readonly (number | undefined)[]; readonly facts?: FileFacts | undefined } = {},
): Promise<Look> {
  const { kind, mode, uid, gid, sizeBytes, target } = status;
  switch (kind) {
    case 'symlink':
      return { kind: 'link', mode: 0o777, uid: 0, gid: 0, content: target ?? '' };
    case 'file': {
      if (facts !== undefined) return { kind, mode, uid, gid, content: facts.sha256 };
      const isStrange = expected?.includes(sizeBytes) === false && sizeBytes > MAX_STRANGE_BYTES;
      const content = isStrange ? `${sizeBytes} bytes` : ((await hashInJail(jail, path)) ?? '');
      return { kind, mode, uid, gid, content };
    }
    case 'directory':
      return { kind, mode, uid, gid, content: '' };
    case 'other':
      return lookAtSpecial(jail, path, status);
    default:
      return kind satisfies never;
  }
}

const TYPE_BITS = 0o170000; // inode(7)
const CHARACTER = 0o020000;

function lookAtSpecial(jail: DirectoryRoot, path: BytePath, { mode, uid, gid }: FileStatus): Look {
  const status = native.inRootLstat(jail.fd, pathBytes(path));
  const isDevice = (status.mode & TYPE_BITS) === CHARACTER;
  const content = isDevice ? `${status.major}:${status.minor}` : String(status.mode & TYPE_BITS);
  return { kind: isDevice ? 'device' : 'special', mode, uid, gid, content };
}

export function lookOf({ kind, mode, uid, gid, sha256, target, major, minor }: Recorded): Look {
  const contents = { file: sha256, link: target, directory: '', device: `${major}:${minor}` };
  const content = contents[kind] ?? '';
  return kind === 'link' ? { kind, mode: 0o777, uid: 0, gid: 0, content } : { kind, mode, uid, gid, content };
}

export function lineOf({ kind, mode, uid, gid, content }: Look): string {
  return `${kind} ${mode.toString(8)} ${uid}:${gid} ${content}`;
}

export function isSame(one: Look, other: Look): boolean {
  return lineOf(one) === lineOf(other);
}

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
    const path = joinPath(directory, bytePath(name));
    const status = jail.lstat(path);
    if (status === undefined) continue;
    if (!(await accept(path, status))) return false;
    if (status.kind === 'directory' && !(await everyIn(jail, path, accept))) return false;
  }
  return true;
}
