// The calls of the addon that work on files beneath a directory and on whole directory trees.
import type { Bytes } from '../quote.ts';

declare const treeBrand: unique symbol;

/** Work on a tree, for `treeProgress` and `abortTree`. */
export interface TreeHandle {
  readonly [treeBrand]: true;
}

/** What was copied or removed. A removal counts all but directories as files. */
export interface TreeCounts {
  /** Regular files, by name. */
  readonly files: number;
  readonly directories: number;
  /** Symbolic links. */
  readonly links: number;
  /** Devices and fifos. */
  readonly nodes: number;
  /** Of regular files, each counted once however many names it has. */
  readonly sizeBytes: number;
}

/** Why an entry was not copied, or not all of it. */
export type SkipReason =
  | 'vanished'
  | 'changed'
  | 'busy'
  | 'mount'
  | 'socket'
  | 'device'
  | 'attribute'
  | 'privileges';

type OnTreeEnd = (
  failure: {
    readonly errno: number;
    readonly syscall: string;
    /** As the tree's root sees it. */
    readonly path: Buffer;
    readonly inTarget: boolean;
  } | null,
  report: TreeCounts & {
    /** The first thousand of them. */
    readonly skipped: readonly {
      readonly path: Buffer;
      readonly reason: SkipReason;
      readonly errno: number;
    }[];
    readonly skippedCount: number;
  },
) => void;

/** A tree that is being read; lib/jail/check/scan.ts knows what the records are. */
interface TreeScan {
  /**
   * The next batch; at its end the content of a file may be cut, whose record comes in a later one. No records and no content:
   * that was all. `content` is filled on a worker thread, and must be left alone until then; one call at a time.
   */
  next(content: Uint8Array): Promise<{ readonly records: Buffer; readonly contentSize: number }>;
  close(): void;
}

/** What lies at a path in a root; `mode` with the file type. */
export interface InRootStatus {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  /** When its content was last modified, in ms since 1970. */
  readonly mtimeMs: number;
  /** Of a device. */
  readonly major?: number;
  readonly minor?: number;
  readonly noexec: boolean;
  /** Where a symbolic link leads. */
  readonly target?: Buffer;
  /** system.posix_acl_access, if the group bits of the mode stand for a list that may let others write. */
  readonly acl?: Buffer;
}

/** Files beneath a directory, and whole trees. */
export interface FileCalls {
  // inroot: file operations beneath a directory, a descriptor of which comes first; paths as that root sees them. What changes
  // something follows no link on the way (ELOOP).
  /** openat2(2) with O_CLOEXEC added; O_NOFOLLOW: ELOOP for a link anywhere on the way. The caller closes the descriptor. */
  inRootOpen(rootFd: number, path: Bytes, flags: number, mode?: number): number;
  /** False: inRootLstat tells it. Undefined here and in the next two: nothing is there (ENOENT, ENOTDIR). */
  lookInRoot(rootFd: number, path: Bytes, numbers: Float64Array): boolean | undefined;
  /** A regular file for reading, links followed; EISDIR or EINVAL for anything else. */
  openFileInRoot(rootFd: number, path: Bytes, numbers: Float64Array): number | undefined;
  /** One character a byte, sorted. */
  listInRoot(rootFd: number, path: Bytes): string[] | undefined;
  /** Closes what these have opened: Node's own closeSync warns in a worker of descriptors that it has not opened. */
  closeDescriptor(fd: number): void;
  inRootLstat(rootFd: number, path: Bytes): InRootStatus;
  inRootFstat(fd: number): InRootStatus;
  inRootMkdir(rootFd: number, path: Bytes, mode: number): void;
  inRootSymlink(rootFd: number, target: Bytes, path: Bytes): void;
  /** `mode` with the file type (S_IFCHR); exactly this mode, whatever the umask. */
  inRootMknod(rootFd: number, path: Bytes, mode: number, major: number, minor: number): void;
  /** `exclusive`: EEXIST if something is at `to`. */
  inRootRename(rootFd: number, from: Bytes, to: Bytes, exclusive?: boolean): void;
  /** What lies at the one path is at the other then: at no moment is there nothing (renameat2(2), RENAME_EXCHANGE). */
  inRootExchange(rootFd: number, one: Bytes, other: Bytes): void;
  inRootUnlink(rootFd: number, path: Bytes, directory?: boolean): void;
  /** syncfs(2) of the file system that the root itself lies on. */
  inRootSync(rootFd: number): void;
  /** The modification time of what lies at a path, a last link not followed; in ms since 1970. */
  inRootSetTimes(rootFd: number, path: Bytes, mtimeMs: number): void;
  /** Content (as a reflink where the file system can) and modification time, into an empty file. */
  copyFile(sourceFd: number, targetFd: number): void;
  /** File capabilities (capabilities(7)), if there are any. */
  copyCapabilities(sourceFd: number, targetFd: number): void;
  /** flock(2) without waiting, exclusive if not `shared`: false if somebody else holds one that does not go with it. */
  lockFile(fd: number, shared?: boolean): boolean;

  // tree: whole directory trees, each on a thread of its own; descriptors are copied at once
  /**
   * rename(2) of many entries in a row. All directories are opened before the first; the error at which it stops tells
   * `index`, that of the pair, and `renamed`, how many were before.
   */
  renameAll(rootFd: number, pairs: readonly (readonly [from: Bytes, to: Bytes])[]): void;
  /** What lies in one directory into an empty one; `privileged` are the paths that keep set-user-ID and the like. */
  copyTree(sourceFd: number, targetFd: number, privileged: readonly Bytes[], onEnd: OnTreeEnd): TreeHandle;
  /** An entry that is a directory, and all in it, of which `last` goes last if it is not empty. */
  removeTree(parentFd: number, name: Bytes, last: Bytes, onEnd: OnTreeEnd): TreeHandle;
  /** undefined once it has ended. */
  treeProgress(handle: TreeHandle): TreeCounts | undefined;
  /** Has it end soon with ECANCELED. */
  abortTree(handle: TreeHandle): void;
  /**
   * Reads everything beneath an open directory. Of the regular files among `paths`, with a NUL after each, the content too, if
   * they have the size in the same place of `sizes`.
   */
  scanTree(rootFd: number, paths: Uint8Array, sizes: Float64Array): TreeScan;
  /**
   * Opens a directory without what is mounted in it: what the mounts cover is seen. @throws EPERM without CAP_SYS_ADMIN, ENOSYS
   * before Linux 5.2
   */
  openBeneath(fd: number): number;
  /** Whether it has an extended attribute; the descriptor may be an O_PATH one. */
  hasAttribute(fd: number, name: string): boolean;
  /** Takes an extended attribute away, if it is there. */
  removeAttribute(fd: number, name: string): void;

  /**
   * stat(2): whether it answers what stands in `stamp`, which holds from then on what it answers;
   * lib/tcpwrappers/file/stamp.ts knows how. `path` ends in a NUL byte.
   */
  restat(path: Buffer, stamp: Buffer): boolean;
}
