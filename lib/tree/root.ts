// Reads the files below one root directory; no path or link leads out of it.

import { closeSync, constants, openSync } from 'node:fs';
import { type InRootStatus, type Lines, native } from '../native.ts';
import { type Bytes, toBuffer } from '../words/quote.ts';
import { type Owner, seenBy } from '../trust/owner.ts';
import { unless } from '../words/system-error.ts';
import { type BytePath, pathBytes, toLatin1 } from './path.ts';

/** Not among Node's constants on every version; it differs only on parisc and sparc, without Node (asm-generic/fcntl.h). */
export const O_PATH = 0o10000000;

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits, set-user-ID, set-group-ID and sticky: 0…07777. */
  readonly mode: number;
  /** Ids of the host; or, if the root was opened for an owner, as he sees them. */
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly dev: bigint;
  readonly ino: bigint;
  /** The last modification of its content, in ms since 1970. */
  readonly mtimeMs: number;
  /** Its file system is mounted noexec (mount(8)). */
  readonly noexec: boolean;
  /** The target of a symbolic link. */
  readonly target?: BytePath;
  /** Its access control list, if the group bits, which are its mask, have one that others lack (acl(5)). See lib/trust/acl.ts. */
  readonly acl?: Uint8Array;
}

/** Reads up to `lengthBytes` at `offset`; returns fewer bytes at the end of the file, never more. */
export type ReadAt = (offset: number, lengthBytes: number) => Uint8Array;

export interface OpenFile {
  readonly fd: number;
  readonly status: FileStatus;
  /** Up to `lengthBytes` at `offset`; fewer only at the end of the file. */
  readonly read: ReadAt;
  close(): void;
}

/** Paths are absolute as the root directory sees them; links and `..` stay within it. They need not be UTF-8. */
export interface FileRoot {
  /** A last link is not followed; undefined if nothing is there. @throws system errors: EACCES, ELOOP, ENAMETOOLONG, EIO. */
  lstat(path: BytePath): FileStatus | undefined;
  /** Opens a regular file, links followed, without blocking. @throws as lstat; EISDIR; EINVAL for a device or fifo. */
  open(path: BytePath): OpenFile | undefined;
  /** The names in a directory, sorted by byte; undefined if there is no such directory. @throws as lstat. */
  list(path: BytePath): readonly BytePath[] | undefined;
  /** As readHeads, in one call. */
  readHeads?(paths: readonly BytePath[], maxBytes: number): readonly (Uint8Array | undefined)[];
  /** As openFileLines. */
  openFileLines?(paths: readonly BytePath[], special: readonly BytePath[]): () => Lines;
}

/** A FileRoot on a real directory. */
export interface DirectoryRoot extends FileRoot {
  /** An O_PATH descriptor, for the operations of native/files/inroot.cc. */
  readonly fd: number;
  /** Closes `fd`, unless the caller passed it in. */
  close(): void;
}

/**
 * Opens a host directory as a root; an open descriptor stays the caller's. Paths are resolved by openat2(2) with
 * RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: Linux 5.6. For an ordinary `owner`, each status has the ids that he sees.
 * @throws the system error if the directory cannot be opened.
 */
export function openFileRoot(directory: Bytes | number, owner?: Owner): DirectoryRoot {
  const fd =
    typeof directory === 'number' ? directory : openSync(toBuffer(directory), O_PATH | constants.O_DIRECTORY);
  const see = (status: FileStatus): FileStatus =>
    owner === undefined || owner.uid === 0 ? status : { ...status, ...seenBy(owner, status) };
  return {
    fd,
    close: () => {
      if (typeof directory !== 'number') closeSync(fd);
    },
    lstat: (path) => {
      const told = native.lookInRoot(fd, pathBytes(path), numbers);
      if (told === undefined) return undefined;
      if (told === false)
        return unless(['ENOENT', 'ENOTDIR'], () => see(toStatus(native.inRootLstat(fd, pathBytes(path)))));
      return see(told === true ? statusOfNumbers() : { ...statusOfNumbers(), target: told as BytePath });
    },
    open: (path) => {
      const file = native.openFileInRoot(fd, pathBytes(path), numbers);
      return file === undefined ? undefined : openFile(file, see(statusOfNumbers()));
    },
    list: (path) => native.listInRoot(fd, pathBytes(path)) as BytePath[] | undefined,
    readHeads: (paths, maxBytes) => native.readInRoot(fd, paths.map(pathBytes), maxBytes),
    openFileLines: (paths, special) => native.openFileLines(fd, paths.map(pathBytes), special.map(pathBytes)),
  };
}

// native/files/look.cc fills this array. One for all calls: the values are read before the next call.
const numbers = new Float64Array(8);
const identity = new BigUint64Array(numbers.buffer, 6 * Float64Array.BYTES_PER_ELEMENT);

function statusOfNumbers(): FileStatus {
  return toStatus({
    mode: numbers[0] ?? 0,
    uid: numbers[1] ?? 0,
    gid: numbers[2] ?? 0,
    size: numbers[3] ?? 0,
    mtimeMs: numbers[4] ?? 0,
    noexec: numbers[5] !== 0,
    dev: identity[0] ?? 0n,
    ino: identity[1] ?? 0n,
  });
}

function openFile(fd: number, status: FileStatus): OpenFile {
  function read(offset: number, lengthBytes: number): Uint8Array {
    // files in /proc have size 0 but are not empty
    const rest = status.sizeBytes === 0 ? lengthBytes : Math.max(0, status.sizeBytes - offset);
    const bytes = new Uint8Array(Math.min(lengthBytes, rest));
    return bytes.subarray(0, native.readAt(fd, bytes, offset));
  }
  return { fd, status, read, close: () => native.closeDescriptor(fd) };
}

/** Calls `use` with a file, and closes it; undefined if nothing is there. @throws as FileRoot.open, and as `use`. */
export function withFile<T>(root: FileRoot, path: BytePath, use: (file: OpenFile) => T): T | undefined {
  const file = root.open(path);
  if (file === undefined) return undefined;
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/** As withFile, but any error counts as an absent file: copying the file reports it. */
export function tryFile<T>(root: FileRoot, path: BytePath, use: (file: OpenFile) => T): T | undefined {
  try {
    return withFile(root, path, use);
  } catch {
    return undefined;
  }
}

/** The first bytes of each file; undefined for one that cannot be read. */
export function readHeads(
  root: FileRoot,
  paths: readonly BytePath[],
  maxBytes: number,
): readonly (Uint8Array | undefined)[] {
  const readOne = (path: BytePath) =>
    tryFile(root, path, ({ read, status }) => read(0, Math.min(status.sizeBytes, maxBytes)));
  return root.readHeads?.(paths, maxBytes) ?? paths.map(readOne);
}

const MAX_TEXT_BYTES = 256 << 20;
// openLines sets it aside, because it does not end in a newline.
const NO_TEXT = new Uint8Array(1);

/**
 * Finds in which files a line is. `special` sets files aside as for openLines of lib/native/file-calls.ts; so does an error. The
 * files may be read in the background: the returned function waits for that, and may be called once.
 */
export function openFileLines(
  root: FileRoot,
  paths: readonly BytePath[],
  special: readonly BytePath[],
): () => Lines {
  const readAll = () => readHeads(root, paths, MAX_TEXT_BYTES).map((text) => text ?? NO_TEXT);
  return root.openFileLines?.(paths, special) ?? (() => native.openLines(readAll(), special.map(pathBytes)));
}

// inode(7)
const typeBits = 0o170000;
const KINDS: Readonly<Record<number, FileStatus['kind']>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
};

function toStatus(status: Omit<InRootStatus, 'nlink'>): FileStatus {
  const { mode, uid, gid, size: sizeBytes, dev, ino, mtimeMs, noexec, target, acl } = status;
  const kind = KINDS[mode & typeBits] ?? 'other';
  const own = { kind, mode: mode & 0o7777, uid, gid, sizeBytes, dev, ino, mtimeMs, noexec };
  if (target === undefined && acl === undefined) return own;
  return { ...own, ...(target && { target: toLatin1(target) }), ...(acl && { acl }) };
}
