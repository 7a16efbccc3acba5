// The one file that loads the addon, with the types of what it exports.
import type { Bytes } from './quote.ts';

/** An entry of passwd(5), with the names of the C structure less their `pw_`. */
export interface Passwd {
  readonly name: string;
  readonly passwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly dir: string;
  readonly shell: string;
}

/** An entry of group(5), with the names of the C structure less their `gr_`. */
interface Group {
  readonly name: string;
  readonly passwd: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** What to look up on the host for a launch; a name is tried before the uid. */
export interface HostQuery {
  readonly user?: Bytes | undefined;
  readonly uid?: number | undefined;
  readonly groupNames?: readonly Bytes[];
  readonly jail?: Bytes | undefined;
}

/** A directory or symbolic link on the way to the jail, seen by descriptor. */
export interface PathComponent {
  readonly path: Uint8Array;
  /** Index of the directory in which it is an entry; -1 for the first one, and for what `..` led to. */
  readonly parent: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly link?: Uint8Array;
  readonly acl?: Uint8Array;
}

declare const sightBrand: unique symbol;

/** A query and its answers, for `spawn` to ask again. */
export interface HostSight {
  readonly [sightBrand]: true;
}

/** The answers to a HostQuery; a number in place of a passwd entry is the errno of a failed look-up. */
export interface HostFacts {
  readonly sight: HostSight;
  readonly passwd: Passwd | number | null;
  /** Groups of which the user is a member by the group database, its primary group aside. */
  readonly groups: readonly number[];
  readonly named: readonly { readonly gid?: number; readonly errno?: number }[];
  readonly components: readonly PathComponent[];
  /** The way leads to the directory that is `/` here, by whatever name. */
  readonly isHostRoot: boolean;
  /** O_PATH descriptor of the jail, which the receiver closes with `closeJail`; -1 if it was not reached. */
  readonly jailFd: number;
  readonly walkErrno?: number;
  readonly walkPath?: Uint8Array;
}

/** Where a plan stopped: index of the step, -1 outside of it. */
export interface PlanFailure {
  readonly step: number;
  readonly op: number;
  readonly errno: number;
  readonly detail: number;
}

declare const processBrand: unique symbol;

/** A process started by `spawn`, for `killProcess` and `keepAlive`: a number that no other one has had. */
export type ProcessHandle = number & { readonly [processBrand]: true };

/**
 * The process group of a program: 0, the caller's; 1, its own, and the program is reaped by `release`; 2, its own, and what is
 * left of it gets SIGKILL when the program has ended.
 */
export type ProcessGroup = 0 | 1 | 2;

type Stdio = readonly [number, number, number];
type Usage = [number, number, number, number, number, number, number, number];

/** What `uchroot.node` exports. The calls under their own names throw Node's kind of system error. */
export interface Native {
  getpwnam(name: Bytes): Passwd | null;
  getpwuid(uid: number): Passwd | null;
  getgrnam(name: Bytes): Group | null;
  getgrgid(gid: number): Group | null;
  getgrouplist(user: Bytes, gid: number): number[];
  setgroups(gids: readonly number[]): void;
  setgid(gid: number): void;
  setuid(uid: number): void;
  chroot(path: Bytes): void;
  chdir(path: Bytes): void;
  execv(path: Bytes, argv: readonly Bytes[]): never;
  effectiveCapabilities(): bigint;
  environmentEntries(): Buffer[];
  /** Those of `names` that are set: getenv(3), byte for byte. */
  environmentVariables(names: readonly string[]): [name: string, value: Buffer][];
  /** A function that tells a number: another one if any of these variables of the process has changed since its last call. */
  watchEnvironment(names: readonly string[]): () => number;
  isMainThread(): boolean;
  /** A script of this package, and its V8 code cache if that is there and can be trusted to be the script's. */
  readCode(path: string, cachePath: string): { readonly source: string; readonly cache?: Buffer };
  /** A file as memory that must not be written to; nothing is read before it is looked at. */
  mapFile(path: string): Buffer;
  readHost(query: HostQuery): Promise<HostFacts>;
  readHostSync(query: HostQuery): HostFacts;
  /** Closes `jailFd` of HostFacts. The end of a worker closes what is left. */
  closeJail(jailFd: number): void;
  /** The pid file is removed if the plan fails. */
  execPlan(
    plan: Uint8Array,
    jailFd: number,
    pidFile?: { readonly directoryFd: number; readonly name: Buffer; readonly fileFd: number },
  ): PlanFailure;
  /**
   * Runs the steps before execve in a child that ends then, and waits for it: null if all have succeeded. With errno 0 the
   * child was ended in that step by a signal, which `detail` is.
   */
  rehearsePlan(plan: Uint8Array, jailFd: number): PlanFailure | null;
  /**
   * Starts the launcher on another thread. For a `jail` that is no descriptor the host is asked again there; if it answers
   * anything else than before, nothing is started, and `onStarted` is called with undefined.
   *
   * @param stdio of each a descriptor, -1 for /dev/null, -2 for a pipe
   * @param group what the plan makes of it
   * @param onStarted null and the pid; or the failure, and a descriptor of the jail to be closed with `closeJail`, -1 if
   *   `jail` was one
   * @param onExit the usage in the order of ResourceUsage
   */
  spawn(
    plan: Uint8Array,
    jail: number | HostSight,
    launcherFd: number,
    stdio: Stdio,
    kept: readonly number[],
    group: ProcessGroup,
    onStarted: (failure: PlanFailure | null | undefined, pidOrJailFd: number) => void,
    onExit: (exitCode: number | null, signal: number | null, ...usage: Usage) => void,
  ): ProcessHandle;
  /**
   * Calls a launch off that has not been told to `onStarted`: that gets ECANCELED, or the pid if the program may have run; it
   * is killed then, unless it was known to run.
   */
  recall(handle: ProcessHandle): void;
  /** pidfd_send_signal(2), once `onStarted` has been called: 0, or an errno; ESRCH once it has ended. */
  killProcess(handle: ProcessHandle, signal: number): number;
  /** The same to the process group if that is the program's own. */
  killGroup(handle: ProcessHandle, signal: number): number;
  /**
   * After `onExit`: the pid and the number of the group are free from now on. `endsGroup`: what is left of a group of its own
   * gets SIGKILL.
   */
  release(handle: ProcessHandle, endsGroup: boolean): void;
  /** The caller's end of pipe 0, 1 or 2, which the caller closes from now on; once, and before onExit has returned. */
  takePipe(handle: ProcessHandle, index: 0 | 1 | 2): number;
  /** The same when it ends, to be read later: -1 if there is nothing to read and never will be. */
  keepPipe(handle: ProcessHandle, index: 1 | 2): number;
  /** A stream closes this descriptor of these two and of endedPipe(). Until that is said, the end of a worker closes it. */
  pipeTaken(fd: number): void;
  /** Closes one that no stream has, or one of openStatus(). */
  closePipe(fd: number): void;
  /** The end for reading of a pipe that is empty and into which nobody can write. */
  endedPipe(): number;
  /** A descriptor for writeStatus(), to be closed with closePipe(). EBADF if this one is not open for writing. */
  openStatus(fd: number): number;
  /** How many bytes were written without waiting; a negative errno, EAGAIN if it takes none now. */
  writeStatus(fd: number, line: Uint8Array): number;
  /** POLLIN (1) if there is something to read in a pipe, POLLHUP (16) if nobody can write into it (poll(2)). */
  pollPipe(fd: number): number;
  /** Whether the event loop waits for it. */
  keepAlive(handle: ProcessHandle, wanted: boolean): void;

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
  /**
   * Reads and hashes regular files beneath a directory, and copies them into another one if `targetFd` is not -1: on a thread
   * of libuv's pool. `paths` has a NUL after each; `wanted` five numbers for each copy. lib/jail/apply/file-facts.ts reads the
   * answer. Rejects at the first copy that fails, with its `index`.
   */
  readFiles(rootFd: number, targetFd: number, paths: Uint8Array, wanted: Uint32Array): Promise<Buffer>;
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

  // names and sockets
  /**
   * The name of an address in numbers, and where it leads to: called once or twice, on which `isLast`. On a thread of its
   * own, which does not keep the event loop alive.
   */
  lookUpHost(address: Bytes, onFacts: (facts: HostNameFacts) => void): void;
  /** Whether there is a network interface of this name. */
  hasInterface(name: Bytes): boolean;
  /** Who is connected; undefined for what is no internet address. ENOTCONN, ENOTSOCK. */
  getpeername(fd: number): SocketAddress | undefined;
  getsockname(fd: number): SocketAddress | undefined;
  /** Who has sent the next datagram, which stays if `peek`; never waits: EAGAIN. */
  recvfrom(fd: number, peek: boolean): SocketAddress | undefined;
  /** SO_TYPE: 1 is a stream, 2 are datagrams. */
  socketType(fd: number): number;
  /** The IP options of an IPv4 connection, as they are sent back (ip(7)). */
  ipOptions(fd: number): Buffer;
  clearIpOptions(fd: number): void;
  /** A descriptor on which each write is a datagram to a unix socket; never waits. The caller closes it. */
  connectDatagram(path: Bytes): number;
  setKeepAlive(fd: number): void;
  /** SO_LINGER: off for 0 seconds. */
  setLinger(fd: number, seconds: number): void;
  /** dup2(2). */
  duplicate(fd: number, target: number): void;
  /** One datagram to a unix socket, without waiting. */
  sendDatagram(path: Bytes, message: Bytes): void;
}

/** An internet address in numbers, with its zone (`fe80::1%eth0`), and a port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** The name of an address and where that leads to: getnameinfo(3), and getaddrinfo(3) in the same family. */
export interface HostNameFacts {
  /** Else the name is still being followed. */
  readonly isLast: boolean;
  /** Why there is no name, in words; then nothing else is there. */
  readonly reverseError?: string;
  /** At most 127 bytes of it. */
  readonly name?: Buffer;
  /** Whether the name is an address in numbers; then it was not followed. */
  readonly isNumeric?: boolean;
  /** Why the name leads to no address, in words. */
  readonly forwardError?: string;
  readonly canonical?: Buffer;
  /** Whether the address is among those that the name leads to. */
  readonly hasAddress?: boolean;
}

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

const packageRoot = `${import.meta.dirname}/../..`;

// A build of the checkout comes first; an installed package has only the prebuilt one.
function findBuilt(file: string, architecture: string = process.arch): string {
  // Not imported: where the first place has it, as is usual, nothing is looked for, and a command starts sooner.
  const { existsSync } = process.getBuiltinModule('node:fs');
  const places = [
    ...(architecture === process.arch ? [`${packageRoot}/build/Release/${file}`] : []),
    `${packageRoot}/prebuilds/linux-${architecture}/${file}`,
  ];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new Error(
    `uchroot: no ${file} for linux-${architecture}; to build it, run in ${packageRoot}: ${architecture === process.arch ? 'npm run build:native' : 'scripts/prebuild'}`,
  );
}

/** Path of the static launcher on the host. */
export function launcherPath(): string {
  return findBuilt('uchroot-launcher');
}

/** Path of the executable into which a launch can be compiled. @throws Error if there is none for that architecture */
export function compiledLauncherPath(architecture: string): string {
  return findBuilt('uchroot-compiled', architecture);
}

function load(): Native {
  // process.dlopen and not require: it works alike in an ES module and in the bundled commands.
  const module = { exports: {} as Native };
  try {
    process.dlopen(module, `${packageRoot}/build/Release/uchroot.node`);
  } catch {
    process.dlopen(module, findBuilt('uchroot.node'));
  }
  return module.exports;
}

export const native: Native = load();
