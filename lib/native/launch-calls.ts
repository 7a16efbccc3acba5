// The calls of the addon that look the host up, launch programs, and wait for them.
import type { ResourceUsage } from '../errors.ts';
import type { Bytes } from '../words/quote.ts';

/** An entry of passwd(5), with the names of the C structure without `pw_`. */
export interface Passwd {
  readonly name: string;
  readonly passwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly gecos: string;
  readonly dir: string;
  readonly shell: string;
}

/** An entry of group(5), with the names of the C structure without `gr_`. */
export interface Group {
  readonly name: string;
  readonly passwd: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** What to look up on the host for a launch. A name is tried before the uid. */
export interface HostQuery {
  readonly user?: Bytes | undefined;
  readonly uid?: number | undefined;
  readonly groupNames?: readonly Bytes[];
  readonly jail?: Bytes | undefined;
  /** For a launch that needs no privilege. */
  readonly rootless?: boolean;
  /** The uid whose account and subordinate ids are looked up too. */
  readonly owner?: number | undefined;
  /** Takes an id from `firstId` to `lastId` by a lock file in this directory (native/accounts/ownid.h). */
  readonly locks?: Bytes | undefined;
  readonly firstId?: number;
  readonly lastId?: number;
}

/** An id for one launch. It is taken until `fd` is closed, by `closeDescriptor`. */
export interface OwnId {
  readonly id: number;
  readonly fd: number;
}

/** A directory or symbolic link on a path, as its descriptor shows it. */
export interface PathComponent {
  readonly path: Uint8Array;
  /** Index of the directory that it is an entry of; -1 for the first component, and for the target of `..`. */
  readonly parent: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly link?: Uint8Array;
  readonly acl?: Uint8Array;
}

/** The account of `owner`, and the texts of /etc/subuid and /etc/subgid. A number is the errno of what failed. */
export interface SubordinateFacts {
  readonly owner: Passwd | number | null;
  readonly uids: Uint8Array | number;
  readonly gids: Uint8Array | number;
}

declare const sightBrand: unique symbol;

/** A query and its answers, for `spawn`, which asks again. */
export interface HostSight {
  readonly [sightBrand]: true;
}

/** What a path leads to, and through which directories. */
export interface PathFacts {
  /** If the path leads to nothing, the last one is the directory that lacks an entry. */
  readonly components: readonly PathComponent[];
  /** The path leads to the directory that is `/` here, maybe under another name. */
  readonly isHostRoot: boolean;
  /** O_PATH descriptor of what it leads to; -1 if it was not reached. The receiver closes it with `closeDescriptor`. */
  readonly fd: number;
  readonly walkErrno?: number;
  readonly walkPath?: Uint8Array;
}

/** The answers to a HostQuery. A number in place of a passwd entry is the errno of a failed look-up. */
export interface HostFacts extends PathFacts {
  readonly sight: HostSight;
  /** An errno as well if the database did not tell the user's groups. */
  readonly passwd: Passwd | number | null;
  /** Groups that the group database lists the user in, without its primary group. */
  readonly groups: readonly number[];
  readonly named: readonly { readonly gid?: number; readonly errno?: number }[];
  /** If the query has an owner. */
  readonly subordinate?: SubordinateFacts | undefined;
  /** If the query has `locks`: `errno` is not 0 if no id was taken. */
  readonly ownId?: OwnId & { readonly errno: number };
}

/** Where a plan stopped. `step` is an index, or -1 outside the steps. */
export interface PlanFailure {
  readonly step: number;
  readonly op: number;
  readonly errno: number;
  readonly detail: number;
  /** What a program that performs the step has written to its stderr. */
  readonly words?: Uint8Array;
}

declare const processBrand: unique symbol;

/** A program started by `spawn`: a number that no other call has. */
export type ProcessHandle = number & { readonly [processBrand]: true };

/**
 * The process group of a program. `caller`: that of this process. `released`: its own; `release` reaps the program. `killed`: its own; the
 * rest of it gets SIGKILL when the program has ended.
 */
export type ProcessGroup = 'caller' | 'released' | 'killed';

/** What `spawn` starts. */
export interface ProgramRequest {
  readonly plan: Uint8Array;
  /** Its descriptor; or what was seen of the host when it was verified, which is then looked at again. */
  readonly jail: number | HostSight;
  readonly launcherFd: number;
  /** Three descriptors; -1 for /dev/null, -2 for a pipe; -3 for the first: the plan opens a terminal; -4: it sends namespaces. */
  readonly stdio: readonly [number, number, number];
  /** Descriptors above 2 that the program gets, and their numbers there. */
  readonly kept: readonly { readonly fd: number; readonly target: number }[];
  /** The process group that the plan gives the program. */
  readonly group: ProcessGroup;
  readonly onStarted: (start: ProgramStart) => void;
  readonly onExit: (end: ProgramEnd) => void;
  /** Descriptors of namespaces that the plan joins; they stay open until the launch is over. */
  readonly spaces?: readonly number[] | undefined;
  /** The plan sends sockets, for takeSent(handle, 3). */
  readonly sendsSockets?: boolean;
}

/**
 * The program runs; or it has failed, and the receiver closes `jailFd`, which is -1 if `jail` was a descriptor; or the host has changed, and
 * nothing was started.
 */
export type ProgramStart =
  | { readonly pid: number; readonly handle: ProcessHandle }
  | { readonly failure: PlanFailure; readonly jailFd: number }
  | { readonly hostChanged: true };

type Counted = Readonly<Partial<Record<'allUserMs' | 'allSystemMs' | 'largestKib', number>>>;
/** How a program has ended. Both are null if other code in this process has taken its status. */
export interface ProgramEnd extends Counted {
  readonly exitCode: number | null;
  readonly signalNumber: number | null;
  readonly usage: ResourceUsage;
  /** Processes that the kernel has killed for want of memory, if a cgroup has counted them. */
  readonly oomKills?: number;
  readonly refusedForks?: number;
  /** Of the program's file systems in memory, where nothing was left of something; and whether other processes were left. */
  readonly isDiskFull?: boolean;
  readonly isOutOfInodes?: boolean;
  readonly isLeft?: boolean;
}

/** A launch in place of this process. */
export interface InPlaceRequest {
  readonly plan: Uint8Array;
  readonly jailFd: number;
  /** Removed if the launch fails. */
  readonly pidFile?:
    | { readonly directoryFd: number; readonly name: Buffer; readonly fileFd: number }
    | undefined;
}

/** A launch in place of a program that needs a process which waits for it. */
export interface WaitedRequest extends InPlaceRequest {
  readonly launcherFd: number;
  /** Descriptors of this process that the program gets. */
  readonly keptFds: readonly number[];
  /** Of the process that waits. Both ids are empty if it keeps its own. It ends with the parent of this pid, if that is not 0. */
  readonly waiter: { readonly uid: number | ''; readonly gid: number | ''; readonly parentPid: number };
  /** Which it watches. */
  readonly limits: WatchedLimits | undefined;
  /** The socket that gets those of the plan. */
  readonly outboundFd?: number | undefined;
  readonly hasPty: boolean;
  /** That holds the launch's own id (OwnId), or -1. */
  readonly lockFd: number;
  /** That gets the account of the end (native/launcher/result.h), or -1. */
  readonly resultFd: number;
  /** The child of this process that reports what the program is denied, and ends after it; or -1. */
  readonly reporterPid: number;
}

/** The limits that a process which waits for a program watches; 0 for none. */
export interface WatchedLimits {
  readonly timeMs: number;
  /** The number of the first signal then. SIGKILL comes five seconds later. */
  readonly killSignal: number;
  readonly cpuMs: number;
  /** A cgroup counts the CPU time. Without it the kernel limits that of each process. */
  readonly isCpuCounted: boolean;
  /** The messages for limits that have ended the program: a letter, and the words (native/launcher/limitwatch.h). */
  readonly words: readonly string[];
}

/** Look-ups on the host, and launches. */
export interface LaunchCalls {
  readHost(query: HostQuery): Promise<HostFacts>;
  readHostSync(query: HostQuery): HostFacts;
  /** Whether a process that this one can see has this real user id. */
  isIdUsed(uid: number): boolean;
  /** Walks a path on another thread. `isEntry`: it may lead to a file of any kind, otherwise to a directory. */
  walkPath(path: Bytes, isEntry?: boolean): Promise<PathFacts>;
  walkPathSync(path: Bytes, isEntry?: boolean): PathFacts;
  /** The ABI of Landlock that this process can use; 0 without one. */
  landlockAbi(): number;
  /** Runs a plan in this process, and returns only if it fails. */
  execPlan(launch: InPlaceRequest): PlanFailure;
  /** The same for a program with a process that waits for it: starts the program, and then replaces this process by the waiting one. */
  execAndWait(launch: WaitedRequest): PlanFailure;
  /**
   * Runs the steps before execve in a child, which then ends, and waits for it. Null if all steps have succeeded. If `errno` is 0, the
   * signal `detail` has ended the child in that step.
   */
  rehearsePlan(launch: InPlaceRequest): PlanFailure | null;
  /** Starts the launcher on another thread. */
  spawn(request: ProgramRequest): ProcessHandle;
  /**
   * Makes namespaces by the steps of a plan before its program, as root, on a thread of its own. The receiver closes their descriptors.
   *
   * @param request `kinds`: names in /proc/PID/ns of the namespaces that are wanted
   */
  makeSpaces(request: {
    readonly plan: Uint8Array;
    readonly jailFd: number;
    readonly kinds: readonly string[];
  }): Promise<{ readonly fds: readonly number[] } | { readonly failure: PlanFailure }>;
  /**
   * A user namespace for an idmapped mount: `uid` and `gid` of the disk are shown as `asUid` and `asGid`, and no other ids. The receiver
   * closes its descriptor. @throws the errno
   */
  makeIdMap(ids: {
    readonly uid: number;
    readonly asUid: number;
    readonly gid: number;
    readonly asGid: number;
  }): number;
  /** In `onStarted`: the descriptors that the plan has sent; 0: namespaces, 3: sockets. The receiver closes them. @throws the errno */
  takeSent(handle: ProcessHandle, from: 0 | 3): readonly number[];
  /**
   * Calls a launch off before `onStarted`, which then gets ECANCELED; or the pid, if the program may have run.
   *
   * @param kills whether a process that has been started already gets SIGKILL, unless the program is known to run
   * @returns whether nothing will be started, although `onStarted` may come late: a file system holds a look at the host
   */
  recall(handle: ProcessHandle, kills: boolean): boolean;
  /** pidfd_send_signal(2), after `onStarted`: 0, or an errno; ESRCH once the program has ended. */
  killProcess(handle: ProcessHandle, signal: number): number;
  /** The same for the process group, if that is the program's own. */
  killGroup(handle: ProcessHandle, signal: number): number;
  /** Milliseconds that all processes in the cgroup of a program have spent on a CPU; negative if none counts them any more. */
  cpuTimeMs(handle: ProcessHandle): number;
  /**
   * After `onExit`: frees the pid and the number of the group. `endsGroup`: the rest of a group of its own gets SIGKILL.
   */
  release(handle: ProcessHandle, endsGroup: boolean): void;
  /** This process's end of pipe 0, 1 or 2. The caller closes it. Once for each, and before `onExit` has returned. */
  takePipe(handle: ProcessHandle, index: 0 | 1 | 2): number;
  /** The same in `onExit`, to be read later: -1 if there is nothing to read and never will be. */
  keepPipe(handle: ProcessHandle, index: 1 | 2): number;
  /** The read end of a pipe that is empty and that nobody can write into. */
  endedPipe(): number;
  /** A copy for writeStatus(), which the caller closes. @throws EBADF if `fd` is not open for writing */
  openStatus(fd: number): number;
  /** The number of bytes that were written without waiting, or a negative errno: EAGAIN if none can be written now. */
  writeStatus(fd: number, line: Uint8Array): number;
  /** POLLIN (1) if a pipe has something to read, POLLHUP (16) if nobody can write into it (poll(2)). */
  pollPipe(fd: number): number;
  /** Whether systemd has left a cgroup to its service (systemd.resource-control(5), Delegate=). */
  isDelegated(path: Bytes): boolean;
  /** Reads what the program has written to its terminal: how many bytes, or a negative errno: EAGAIN, and EBADF after `onExit`. */
  readTerminal(handle: ProcessHandle, buffer: Uint8Array): number;
  /** Types into the terminal: how many bytes, or a negative errno: EAGAIN if the program must read first. */
  writeTerminal(handle: ProcessHandle, bytes: Uint8Array): number;
  /** Types the end of the input, if the program has read all that came before: 0 or a negative errno. To be called again later. */
  endTerminal(handle: ProcessHandle): number;
  /** 0 or a negative errno. */
  resizeTerminal(handle: ProcessHandle, cols: number, rows: number): number;
  /** Closes the terminal: the program gets SIGHUP. */
  hangUpTerminal(handle: ProcessHandle): void;
  /**
   * Calls back once when the terminal can be read (EPOLLIN, 1) or written (EPOLLOUT, 4). `onReady` is the same function each time.
   * @returns 0 or a negative errno
   */
  awaitTerminal(handle: ProcessHandle, events: number, onReady: () => void): number;
  /** Columns and rows of the first terminal among 0 to 2 of this process. */
  terminalSize(): { readonly cols: number; readonly rows: number } | undefined;
  /** Whether the event loop stays alive for the program. */
  keepAlive(handle: ProcessHandle, wanted: boolean): void;
}
