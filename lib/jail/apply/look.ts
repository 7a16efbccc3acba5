// What lies at a path of a jail, compared with what the manifest says was put there.

import { type BytePath, bytePath, joinPath, pathBytes } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { hashInJail } from '../manifest/file-hash.ts';
import type { FileFacts } from './file-facts.ts';
import type { Recorded } from '../manifest/manifest.ts';

/** Everything about a path that counts as a change. Links have no mode and no owner that matter. */
export interface Look {
  readonly kind: Recorded['kind'] | 'special';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** SHA-256 of a file, or its size if it was not read; target of a link, number of a device. */
  readonly content: string;
}

// A sparse file takes nothing to make, and a long time to read.
const MAX_STRANGE_BYTES = 1 << 30;

/**
 * Reads what is there: the whole content of a file, unless `facts` tell it, or it is very large and of none of the sizes
 * `expected`.
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

/** What a record says, in the same form. */
export function lookOf({ kind, mode, uid, gid, sha256, target, major, minor }: Recorded): Look {
  const contents = { file: sha256, link: target, directory: '', device: `${major}:${minor}` };
  const content = contents[kind] ?? '';
  return kind === 'link' ? { kind, mode: 0o777, uid: 0, gid: 0, content } : { kind, mode, uid, gid, content };
}

/** One line that is the same for the same look. */
export function lineOf({ kind, mode, uid, gid, content }: Look): string {
  return `${kind} ${mode.toString(8)} ${uid}:${gid} ${content}`;
}

export function isSame(one: Look, other: Look): boolean {
  return lineOf(one) === lineOf(other);
}

/** The line of what lies at a path; null if nothing does. */
export async function lineAt(jail: DirectoryRoot, path: BytePath): Promise<string | null> {
  const status = jail.lstat(path);
  return status === undefined ? null : lineOf(await lookAt(jail, path, status));
}

/** Tells a file from the same one after it was written to, without reading it (inode(7)). */
export function stampOf(status: FileStatus | undefined): string {
  if (status === undefined) return '';
  const { dev, ino, kind, mode, uid, gid, sizeBytes, mtimeMs } = status;
  // what lies in a directory does not count
  const content = kind === 'directory' ? [] : [sizeBytes, mtimeMs];
  return [dev, ino, kind, mode, uid, gid, ...content].join(' ');
}

/** Whether all that lies in a directory, however deep, satisfies `accept`. */
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
