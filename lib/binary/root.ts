// The files beneath one root directory, as they are seen from there and never beyond it.

import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { ErrnoName } from '../errors.ts';
import { type InRootStatus, native } from '../native.ts';
import { type Bytes, toBuffer } from '../quote.ts';
import { type BytePath, pathBytes, toLatin1 } from './path.ts';
import type { ReadAt } from './elf-header.ts';

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits with set-user-ID, set-group-ID and sticky: 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly dev: bigint;
  readonly ino: bigint;
  /** When its content was last modified, in ms since 1970. */
  readonly mtimeMs: number;
  /** It lies on a file system mounted noexec (mount(8)). */
  readonly noexec: boolean;
  /** Where a symbolic link leads. */
  readonly target?: BytePath;
  /** Its access control list, where it may let others write (acl(5)); as lib/trust/acl.ts reads it. */
  readonly acl?: Uint8Array;
}

export interface OpenFile {
  readonly fd: number;
  readonly status: FileStatus;
  /** Up to `lengthBytes` at `offset`; fewer only at the end of the file. */
  readonly read: ReadAt;
  close(): void;
}

/**
 * Paths are as the root directory sees them: absolute, links and `..` staying within it. Made of BytePath, since
 * they need not be UTF-8: `bytePath()` makes one of a string or a Uint8Array.
 */
export interface FileRoot {
  /**
   * What lies at `path`, following links on the way but not a last one; undefined if nothing does (ENOENT, ENOTDIR).
   * @throws Node's kind of system error for all else: EACCES, ELOOP, ENAMETOOLONG, EIO.
   */
  lstat(path: BytePath): FileStatus | undefined;
  /**
   * Opens a regular file for reading, following links; undefined if nothing is there. Never waits: a directory is
   * EISDIR, a device, fifo or socket EINVAL.
   * @throws as lstat.
   */
  open(path: BytePath): OpenFile | undefined;
  /** The names in a directory, sorted by byte; undefined if there is no such directory. @throws as lstat. */
  list(path: BytePath): readonly BytePath[] | undefined;
}

/** A FileRoot on a real directory. */
export interface DirectoryRoot extends FileRoot {
  /** O_PATH; for the operations of native/files/inroot.cc. */
  readonly fd: number;
  /** Closes `fd`, unless it was handed in. */
  close(): void;
}

/**
 * Opens the files beneath a host directory, or beneath an open directory, which stays the caller's. Every path is
 * resolved by openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: Linux 5.6.
 * @throws the system error if the directory cannot be opened.
 */
export function openFileRoot(directory: Bytes | number): DirectoryRoot {
  // O_PATH is not among Node's constants on every version; its value is the same on every architecture but parisc
  // and sparc, on which Node does not run (asm-generic/fcntl.h).
  const O_PATH = 0o10000000;
  const fd =
    typeof directory === 'number' ? directory : openSync(toBuffer(directory), O_PATH | constants.O_DIRECTORY);
  return {
    fd,
    close: () => {
      if (typeof directory !== 'number') closeSync(fd);
    },
    lstat: (path) => {
      const isTold = native.lookInRoot(fd, pathBytes(path), numbers);
      if (isTold === false) return ifPresent(() => toStatus(native.inRootLstat(fd, pathBytes(path))));
      return isTold && statusOfNumbers();
    },
    open: (path) => {
      const file = native.openFileInRoot(fd, pathBytes(path), numbers);
      return file === undefined ? undefined : openFile(file, statusOfNumbers());
    },
    list: (path) => native.listInRoot(fd, pathBytes(path)) as BytePath[] | undefined,
  };
}

// What native/files/look.cc fills. One for all: what it holds is taken before anybody else has a turn.
const numbers = new Float64Array(8);
const identity = new BigUint64Array(numbers.buffer, 6 * Float64Array.BYTES_PER_ELEMENT);

function statusOfNumbers(): FileStatus {
  const mode = numberAt(0);
  return {
    kind: KINDS[mode & typeBits] ?? 'other',
    mode: mode & 0o7777,
    uid: numberAt(1),
    gid: numberAt(2),
    sizeBytes: numberAt(3),
    dev: identity[0] ?? 0n,
    ino: identity[1] ?? 0n,
    mtimeMs: numberAt(4),
    noexec: numberAt(5) !== 0,
  };
}

function numberAt(index: number): number {
  return numbers[index] ?? 0;
}

function openFile(fd: number, status: FileStatus): OpenFile {
  function read(offset: number, lengthBytes: number): Uint8Array {
    const buffer = Buffer.allocUnsafe(lengthBytes);
    let done = 0;
    while (done < lengthBytes) {
      const count = readSync(fd, buffer, done, lengthBytes - done, offset + done);
      done += count;
      // a file of /proc says that it is empty, and is not
      if (count === 0 || (status.sizeBytes > 0 && offset + done >= status.sizeBytes)) break;
    }
    return buffer.subarray(0, done);
  }
  return { fd, status, read, close: () => native.closeDescriptor(fd) };
}

function ifPresent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The code of a system error, or undefined for any other. */
export function errorCode(error: unknown): ErrnoName | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? (error.code as ErrnoName)
    : undefined;
}

// inode(7)
const typeBits = 0o170000;
const KINDS: Readonly<Record<number, FileStatus['kind']>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
};

function kindAndMode(mode: number): Pick<FileStatus, 'kind' | 'mode'> {
  return { kind: KINDS[mode & typeBits] ?? 'other', mode: mode & 0o7777 };
}

function toStatus(status: InRootStatus): FileStatus {
  const { mode, uid, gid, size, dev, ino, mtimeMs, noexec, target, acl } = status;
  return {
    ...kindAndMode(mode),
    uid,
    gid,
    sizeBytes: size,
    dev,
    ino,
    mtimeMs,
    noexec,
    ...(target && { target: toLatin1(target) }),
    ...(acl && { acl }),
  };
}
