// Reads or copies hundreds of files in one call of native/files/filelist.cc, and makes records of planned entries for the manifest.

import { type BytePath, parentPath, showPath } from '../../tree/path.ts';
import { type DirectoryRoot, type FileRoot, type FileStatus, withFile } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { caller, onHost, seenBy } from '../../trust/owner.ts';
import { hashBytes, hashFile } from '../manifest/file-hash.ts';
import type { Recorded, Writable } from '../manifest/manifest.ts';
import type { Entry, FileEntry } from '../manifest/planned-entry.ts';
import { closing } from '../work/closing.ts';

const IDENTITY = ['ino', 'dev', 'sizeBytes', 'mtimeMs', 'mode', 'uid', 'gid'] as const;

export interface FileFacts extends Pick<FileStatus, (typeof IDENTITY)[number]> {
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
  const owner = caller();
  for (const [index, { number, entry }] of copies.entries()) {
    const { mode, keepPrivileges } = entry;
    const { uid, gid } = onHost(owner, { uid: entry.uid ?? 0, gid: entry.gid ?? 0 });
    numbers.set([number, mode, uid, gid, keepPrivileges === true ? 1 : 0], index * 5);
  }
  const paths = copies.map(({ entry }) => entry.source);
  const found = toFacts(await native.readFiles(rootFd, targetFd, withNuls(paths), numbers));
  return found.filter((facts) => facts !== undefined);
}

/** By path; undefined for a path at which there is no regular file, for one of more than 1 GiB, and for one that cannot be read. */
async function readFiles(
  rootFd: number,
  paths: readonly BytePath[],
): Promise<ReadonlyMap<BytePath | undefined, FileFacts | undefined>> {
  if (paths.length === 0) return new Map();
  const found = toFacts(await native.readFiles(rootFd, -1, withNuls(paths), new Uint32Array(0)));
  return new Map(found.map((facts, index) => [paths[index], facts]));
}

const withNuls = (paths: readonly BytePath[]): Buffer => Buffer.from(`${paths.join('\0')}\0`, 'latin1');

function toFacts(found: Buffer): readonly (FileFacts | undefined)[] {
  const numbers = new Float64Array(found.buffer, found.byteOffset, found.length / 8);
  const ids = new BigUint64Array(found.buffer, found.byteOffset, found.length / 8);
  const owner = caller();
  return Array.from({ length: found.length / FACTS_BYTES }, (_, index) => {
    const [first, at] = [index * NUMBERS, index * FACTS_BYTES];
    const number = (offset: number): number => numbers[first + offset] ?? 0;
    if (number(0) === 0) return undefined;
    const mode = number(3);
    return {
      sizeBytes: number(1),
      mtimeMs: number(2),
      mode,
      ...seenBy(owner, { uid: number(4), gid: number(5), mode }),
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
    // without a jail there is nothing to read
    known ??=
      directory === '/'
        ? jail.fd >= 0
        : isThere(parentPath(directory)) && jail.lstat(directory) !== undefined;
    directories.set(directory, known);
    return known;
  }
  const candidates = entries.filter(({ kind, path }) => kind === 'file' && isThere(parentPath(path)));
  const inJail = await readFiles(
    jail.fd,
    candidates.map(({ path }) => path),
  );
  const sources = candidates.flatMap((entry) =>
    entry.kind === 'file' && inJail.get(entry.path) !== undefined ? [entry.source] : [],
  );
  const onHost = await readFiles(sourceFd, sources);
  return {
    inJail: (path, status) => {
      const facts = inJail.get(path);
      return facts !== undefined && IDENTITY.every((key) => facts[key] === status[key]) ? facts : undefined;
    },
    onHost: (source) => onHost.get(source),
  };
}

/** The part of a record that comes from the file's content. */
export type Content = Pick<Recorded, 'sha256' | 'sizeBytes' | 'mtimeMs'>;

/** `content` is given for a file that was copied. */
export function toRecorded(entry: Entry, content: Content = {}): Recorded {
  // No object spread: with up to a hundred thousand entries, it would take ten times as long.
  const { kind, path, reason } = entry;
  switch (kind) {
    case 'directory':
      return { path, kind, mode: entry.mode, uid: entry.uid ?? 0, gid: entry.gid ?? 0, reason };
    case 'link':
      return { path, kind, mode: 0o777, uid: 0, gid: 0, reason, target: entry.target };
    case 'file': {
      const { mode, uid = 0, gid = 0, source } = entry;
      const { sizeBytes, mtimeMs, sha256 } = content;
      const file: Writable<Recorded> = { path, kind, mode, uid, gid, reason, source };
      if (sizeBytes !== undefined) file.sizeBytes = sizeBytes;
      if (sha256 !== undefined) file.sha256 = sha256;
      if (mtimeMs !== undefined) file.mtimeMs = mtimeMs;
      if (entry.keepPrivileges === true) file.keepPrivileges = true;
      return file;
    }
    case 'data': {
      const { mode, data } = entry;
      const [sizeBytes, sha256] = [data.length, hashBytes(data)];
      return { path, kind: 'file', mode, uid: 0, gid: 0, reason, sizeBytes, sha256 };
    }
    case 'device': {
      const { mode, major, minor } = entry;
      return { path, kind, mode: mode & 0o7777, uid: 0, gid: 0, reason, major, minor };
    }
    default:
      return kind satisfies never;
  }
}

// If other users can write the directory, they can exchange the file for one that only root can read.
function isReadable(entry: FileEntry, { mode }: Pick<FileFacts, 'mode'>): boolean {
  return (entry.mode & 0o004) === 0 || (mode & 0o004) !== 0;
}

/** Why a file cannot be copied as planned. */
const FAULTS = {
  vanished: ['ENOENT', ' has vanished from the host'],
  exchanged: ['EAGAIN', ' was replaced by a file that is not world-readable'],
  linked: ['EAGAIN', ', or a directory above it, was exchanged for a link'],
} as const;

export function sourceError(fault: keyof typeof FAULTS, { source }: FileEntry): JailError {
  const path = showPath(source);
  const [code, words] = FAULTS[fault];
  return new JailError(path + words, { code, path });
}

/** The record of a copy made now. @throws JailError ENOENT if the file has vanished, EAGAIN if it is no longer world-readable */
export async function foresee(entry: Entry, source: FileRoot, known?: KnownFiles): Promise<Recorded> {
  if (entry.kind !== 'file') return toRecorded(entry);
  const facts = known?.onHost(entry.source);
  if (facts !== undefined && isReadable(entry, facts)) return toRecorded(entry, facts);
  return closing(source.open(entry.source), async (file) => {
    if (file === undefined) throw sourceError('vanished', entry);
    if (!isReadable(entry, file.status)) throw sourceError('exchanged', entry);
    const { size: sizeBytes, mtimeMs } = native.inRootFstat(file.fd);
    return toRecorded(entry, { sizeBytes, mtimeMs, sha256: await hashFile(file.fd) });
  });
}

/** The same without a hash: there is no jail to compare with, so the file is not read. */
export function foreseeNew(entry: Entry, source: FileRoot): Recorded {
  return toRecorded(entry, entry.kind === 'file' ? source.lstat(entry.source) : undefined);
}

/** Whether a program that keeps file capabilities has those of its source. A manifest does not have them. */
export function hasItsCapabilities(entry: Entry, source: FileRoot, jail: DirectoryRoot): boolean {
  if (entry.kind !== 'file' || entry.keepPrivileges !== true) return true;
  const [theirs, ours] = [
    withFile(source, entry.source, capabilitiesOf),
    withFile(jail, entry.path, capabilitiesOf),
  ];
  return theirs !== undefined && theirs === ours;
}

// File capabilities in hexadecimal; empty without any.
function capabilitiesOf({ fd }: { readonly fd: number }): string {
  return Buffer.from(native.fileCapabilities(fd) ?? []).toString('hex');
}
