// Reads or copies hundreds of files in one call of native/files/filelist.cc, and stores the facts about each.

import { type BytePath, parentPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import { native } from '../../native.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';

export interface FileFacts extends Pick<
  FileStatus,
  'mode' | 'uid' | 'gid' | 'sizeBytes' | 'mtimeMs' | 'dev' | 'ino'
> {
  readonly nlink: number;
  readonly sha256: string;
}

export interface WantedCopy {
  /** The name of the copy, in decimal. */
  readonly number: number;
  readonly entry: FileEntry;
}

// struct Found: 9 numbers of 8 bytes, then the hash
const FACTS_BYTES = 104;
const NUMBERS = FACTS_BYTES / 8;
const HASH_AT = 72;

/** Copies files beneath `rootFd` into a directory. @throws system errors; `index` is the index of the file */
export async function copyFiles(
  rootFd: number,
  targetFd: number,
  copies: readonly WantedCopy[],
): Promise<readonly FileFacts[]> {
  const numbers = new Uint32Array(copies.length * 5);
  for (const [index, { number, entry }] of copies.entries()) {
    const { mode, uid = 0, gid = 0, keepPrivileges } = entry;
    numbers.set([number, mode, uid, gid, keepPrivileges === true ? 1 : 0], index * 5);
  }
  const paths = copies.map(({ entry }) => entry.source);
  const found = toFacts(await native.readFiles(rootFd, targetFd, withNuls(paths), numbers));
  return found.filter((facts) => facts !== undefined);
}

/** Undefined for a path at which there is no regular file, for a file of more than 1 GiB, and for one that cannot be read. */
async function readFiles(
  rootFd: number,
  paths: readonly BytePath[],
): Promise<readonly (FileFacts | undefined)[]> {
  if (paths.length === 0) return [];
  return toFacts(await native.readFiles(rootFd, -1, withNuls(paths), new Uint32Array(0)));
}

function withNuls(paths: readonly BytePath[]): Buffer {
  return Buffer.from(`${paths.join('\0')}\0`, 'latin1');
}

function toFacts(found: Buffer): readonly (FileFacts | undefined)[] {
  const numbers = new Float64Array(found.buffer, found.byteOffset, found.length / 8);
  const ids = new BigUint64Array(found.buffer, found.byteOffset, found.length / 8);
  return Array.from({ length: found.length / FACTS_BYTES }, (_, index) => {
    const [first, at] = [index * NUMBERS, index * FACTS_BYTES];
    const number = (offset: number): number => numbers[first + offset] ?? 0;
    if (number(0) === 0) return undefined;
    return {
      sizeBytes: number(1),
      mtimeMs: number(2),
      mode: number(3),
      uid: number(4),
      gid: number(5),
      nlink: number(6),
      dev: ids[first + 7] ?? 0n,
      ino: ids[first + 8] ?? 0n,
      sha256: found.toString('hex', at + HASH_AT, at + FACTS_BYTES),
    };
  });
}

/** Facts about the jail's files for some entries, and about their sources on the host. */
export interface KnownFiles {
  /** Undefined if the file was not read, or if `status` shows that it has changed since. */
  inJail(path: BytePath, status: FileStatus): FileFacts | undefined;
  onHost(source: BytePath): FileFacts | undefined;
}

export interface Roots {
  readonly jail: DirectoryRoot;
  /** A descriptor of the root that files are copied from. */
  readonly sourceFd: number;
}

/** Reads the files that are in the jail, and their sources. */
export async function readKnown(entries: readonly Entry[], { jail, sourceFd }: Roots): Promise<KnownFiles> {
  const directories = new Map<BytePath, boolean>();
  function isThere(directory: BytePath): boolean {
    let known = directories.get(directory);
    known ??= directory === '/' || (isThere(parentPath(directory)) && jail.lstat(directory) !== undefined);
    directories.set(directory, known);
    return known;
  }
  const candidates = entries.filter(({ kind, path }) => kind === 'file' && isThere(parentPath(path)));
  const paths = candidates.map(({ path }) => path);
  const inJail = new Map((await readFiles(jail.fd, paths)).map((facts, index) => [paths[index], facts]));
  const sources = candidates.flatMap((entry) =>
    entry.kind === 'file' && inJail.get(entry.path) !== undefined ? [entry.source] : [],
  );
  const onHost = new Map((await readFiles(sourceFd, sources)).map((facts, index) => [sources[index], facts]));
  return {
    inJail: (path, status) => {
      const facts = inJail.get(path);
      return facts !== undefined && isUnchanged(facts, status) ? facts : undefined;
    },
    onHost: (source) => onHost.get(source),
  };
}

function isUnchanged(facts: FileFacts, status: FileStatus): boolean {
  return (
    facts.ino === status.ino &&
    facts.dev === status.dev &&
    facts.sizeBytes === status.sizeBytes &&
    facts.mtimeMs === status.mtimeMs &&
    facts.mode === status.mode &&
    facts.uid === status.uid &&
    facts.gid === status.gid
  );
}
