// The calls of the addon that work on files beneath a directory and on whole directory trees.
import type { Bytes } from '../words/quote.ts';

declare const treeBrand: unique symbol;

/** Work on a tree, for `treeProgress` and `abortTree`: a number that no other call has. */
export type TreeHandle = number & { readonly [treeBrand]: true };

/** What was copied or removed. A removal counts everything but directories as files. */
export interface TreeCounts {
  /** Regular files, by name. */
  readonly files: number;
  readonly directories: number;
  /** Symbolic links. */
  readonly links: number;
  /** Devices and fifos. */
  readonly nodes: number;
  /** Size of the regular files. A file with several names counts once. */
  readonly sizeBytes: number;
}

/** Why an entry was not copied, or only in part. */
export type SkipReason =
  | 'vanished'
  | 'changed'
  | 'busy'
  | 'mount'
  | 'socket'
  | 'device'
  | 'denied'
  | 'owner'
  | 'attribute'
  | 'privileges';

type OnTreeEnd = (
  failure: {
    readonly errno: number;
    readonly syscall: string;
    /** As seen from the tree's root. */
    readonly path: Buffer;
    readonly inTarget: boolean;
  } | null,
  report: TreeCounts & {
    /** The first thousand. */
    readonly skipped: readonly {
      readonly path: Buffer;
      readonly reason: SkipReason;
      readonly errno: number;
    }[];
    readonly skippedCount: number;
  },
) => void;

/** A tree that is being read. lib/jail/check/checked-entry.ts knows the records. */
interface TreeScan {
  /**
   * The next batch. At its end the content of a file may be cut: then its record comes in a later batch. A batch without records
   * and content is the end. Another thread fills `content`, so it must not be touched until then. One call at a time.
   */
  next(content: Uint8Array): Promise<{ readonly records: Buffer; readonly contentSize: number }>;
  close(): void;
}

/** The file at a path in a root. `mode` has the file type. */
export interface InRootStatus {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  /** Modification time of its content, in ms since 1970. */
  readonly mtimeMs: number;
  /** Only for a device. */
  readonly major?: number;
  readonly minor?: number;
  readonly noexec: boolean;
  /** Target of a symbolic link. */
  readonly target?: Buffer;
  /** system.posix_acl_access, if the mode's group bits are the mask of a list, and have one that others lack. */
  readonly acl?: Buffer;
}

/** The indices of the texts that the data contains. */
export type FindTexts = (how: 'words' | 'commands' | 'paths' | 'ends', data: Uint8Array) => number[];

/** Finds the numbers of the texts that have a line, ascending. `find` ignores the texts that were set `aside`. */
export interface Lines {
  readonly find: (line: Uint8Array) => number[];
  readonly aside: readonly number[];
}

/** Files beneath a directory, and whole trees. */
export interface FileCalls {
  /**
   * A hash that changes when a path does; each path ends in NUL. `looked`: links are not followed, and of a directory only its
   * status counts. `newestMs` is the newest ctime, in ms since 1970; Infinity if one of the times cannot be trusted.
   */
  stampPaths(
    rootFd: number,
    looked: Buffer,
    read: Buffer,
  ): { readonly hash: Buffer; readonly newestMs: number };
  /**
   * Finds the numbers of the texts that have a line. If `special` is given, texts that have one of its lines, or that are no plain
   * lists of absolute paths, are set aside: `find` does not know them.
   */
  openLines(texts: readonly Uint8Array[], special?: readonly Bytes[]): Lines;
  /**
   * The same for texts in files beneath a directory: a thread reads them, with links followed, and the returned function waits for
   * it. It may be called once. A file that cannot be read is set aside.
   */
  openFileLines(rootFd: number, paths: readonly Bytes[], special: readonly Bytes[]): () => Lines;
  /** Prepares a search for many texts; each ends in NUL. */
  openTexts(texts: Uint8Array): FindTexts;
  // inroot: file operations beneath a directory. Its descriptor is the first argument, and paths are seen from there. Calls that
  // change something follow no link on the path (ELOOP).
  /** openat2(2) with O_CLOEXEC. With O_NOFOLLOW, any link on the path is ELOOP. The caller closes the descriptor. */
  inRootOpen(rootFd: number, path: Bytes, flags: number, mode?: number): number;
  /**
   * A text: the target of a link, one character a byte. False: only inRootLstat can tell. Undefined, here and in the next two:
   * nothing is there (ENOENT, ENOTDIR).
   */
  lookInRoot(rootFd: number, path: Bytes, numbers: Float64Array): boolean | string | undefined;
  /** Opens a regular file for reading, and follows links. EISDIR or EINVAL for any other file. */
  openFileInRoot(rootFd: number, path: Bytes, numbers: Float64Array): number | undefined;
  /** Fills the array with bytes of a file; returns how many, fewer than it has only at the end. Without what Node's readSync compiles. */
  readAt(fd: number, bytes: Uint8Array, offset: number): number;
  /** The names in a directory, sorted; one character a byte. */
  listInRoot(rootFd: number, path: Bytes): string[] | undefined;
  /** The first bytes of each file, links followed; undefined for one that is no regular file or cannot be read. */
  readInRoot(rootFd: number, paths: readonly Bytes[], maxBytes: number): (Buffer | undefined)[];
  inRootLstat(rootFd: number, path: Bytes): InRootStatus;
  inRootFstat(fd: number): InRootStatus;
  // The calls that change something: EXDEV for a path on a mount below the root, except to make or remove a directory.
  inRootMkdir(rootFd: number, path: Bytes, mode: number): void;
  /** Makes a symbolic link at `path`, and gives it to this owner. */
  inRootSymlink(
    rootFd: number,
    link: { readonly path: Bytes; readonly target: Bytes; readonly uid: number; readonly gid: number },
  ): void;
  /** `mode` has the file type (S_IFCHR). The umask does not change it. */
  inRootMknod(rootFd: number, path: Bytes, mode: number, major: number, minor: number): void;
  inRootRename(rootFd: number, from: Bytes, to: Bytes): void;
  /** The same, but EEXIST if something is at `to`. */
  inRootRenameNew(rootFd: number, from: Bytes, to: Bytes): void;
  /** Exchanges two files: neither path is ever empty (renameat2(2), RENAME_EXCHANGE). */
  inRootExchange(rootFd: number, one: Bytes, other: Bytes): void;
  inRootUnlink(rootFd: number, path: Bytes): void;
  inRootRmdir(rootFd: number, path: Bytes): void;
  /** A new descriptor of the same end of a pipe: its calls wait, and the pipe holds up to a megabyte. The caller closes it. */
  openWide(fd: number): number;
  /** syncfs(2) of the file system of the root itself. */
  inRootSync(rootFd: number): void;
  /** The disk begins to write the content of a file, and nobody waits for it (sync_file_range(2)). */
  beginWriting(fd: number): void;
  /** Sets the modification time, in ms since 1970. A link at the end of the path is not followed. */
  inRootSetTimes(rootFd: number, path: Bytes, mtimeMs: number): void;
  /** Copies content (as a reflink if the file system can) and modification time into an empty file. */
  copyFile(sourceFd: number, targetFd: number): void;
  /** Copies file capabilities (capabilities(7)), if there are any. */
  copyCapabilities(sourceFd: number, targetFd: number): void;
  /** The file capabilities as the kernel keeps them; undefined if there are none. */
  fileCapabilities(fd: number): Uint8Array | undefined;
  /** flock(2) without waiting, exclusive. False if another process holds a lock against it. */
  lockFile(fd: number): boolean;
  lockShared(fd: number): boolean;

  // tree: whole directory trees, each on a thread of its own. Descriptors are copied at once.
  /**
   * rename(2) of many entries. All directories are opened before the first rename. An error has `index`, the index of the pair,
   * and `renamed`, the number of renames before it.
   */
  renameAll(rootFd: number, pairs: readonly (readonly [from: Bytes, to: Bytes])[]): void;
  /**
   * Reads and hashes regular files beneath a directory, and copies them into another one if `targetFd` is not -1: on a thread of
   * libuv's pool. `paths` has a NUL after each; `wanted` five numbers for each copy. lib/jail/apply/file-facts.ts reads the
   * answer. Rejects at the first copy that fails, with its `index`.
   */
  readFiles(rootFd: number, targetFd: number, paths: Uint8Array, wanted: Uint32Array): Promise<Buffer>;
  /** Copies a directory's content into an empty one. `privileged`: paths that keep set-user-ID and similar privileges. */
  copyTree(sourceFd: number, targetFd: number, privileged: readonly Bytes[], onEnd: OnTreeEnd): TreeHandle;
  /** Removes a directory with everything in it. The entry `last` goes last, if `last` is not empty. */
  removeTree(parentFd: number, name: Bytes, last: Bytes, onEnd: OnTreeEnd): TreeHandle;
  /** Undefined once the work has ended. */
  treeProgress(handle: TreeHandle): TreeCounts | undefined;
  /** The work ends soon with ECANCELED. */
  abortTree(handle: TreeHandle): void;
  /**
   * Reads everything beneath an open directory. `paths` have a NUL after each. A regular file among them is read with its
   * content, if it has the size at the same index of `sizes`.
   */
  scanTree(rootFd: number, paths: Uint8Array, sizes: Float64Array): TreeScan;
  /**
   * Opens a directory without the mounts in it, so that the files under the mounts are seen. @throws EPERM without CAP_SYS_ADMIN,
   * ENOSYS before Linux 5.2
   */
  openBeneath(fd: number): number;
  /** Whether a file has an extended attribute. `fd` may be an O_PATH descriptor. */
  hasAttribute(fd: number, name: string): boolean;
  /** Removes an extended attribute, if it is there. */
  removeAttribute(fd: number, name: string): void;
  /** Gives a file the access control list of another one, or none (acl(5)). `from` may be an O_PATH descriptor. */
  copyAccessList(from: number, to: number): void;
}
