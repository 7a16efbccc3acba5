// The calls of the addon that look the host up, launch programs, and wait for them.
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
  /** `jail` may lead to a file of any kind. */
  readonly isEntry?: boolean;
  /** For a launch that needs no privilege. */
  readonly rootless?: boolean;
  /** The uid whose account and subordinate ids are looked up too. */
  readonly owner?: number | undefined;
}

/** A directory or symbolic link on the path to the jail, as its descriptor shows it. */
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

/** The answers to a HostQuery. A number in place of a passwd entry is the errno of a failed look-up. */
export interface HostFacts {
  readonly sight: HostSight;
  /** An errno as well if the database did not tell the user's groups. */
  readonly passwd: Passwd | number | null;
  /** Groups that the group database lists the user in, without its primary group. */
  readonly groups: readonly number[];
  readonly named: readonly { readonly gid?: number; readonly errno?: number }[];
  /** If the query has an owner. */
  readonly subordinate?: SubordinateFacts | undefined;
  readonly components: readonly PathComponent[];
  /** The path leads to the directory that is `/` here, maybe under another name. */
  readonly isHostRoot: boolean;
  /** O_PATH descriptor of the jail; -1 if it was not reached. The receiver closes it with `closeJail`. */
  readonly jailFd: number;
  readonly walkErrno?: number;
  readonly walkPath?: Uint8Array;
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
 * The process group of a program. 0: the caller's. 1: its own; `release` reaps the program. 2: its own; the rest of it gets SIGKILL
 * when the program has ended.
 */
export type ProcessGroup = 0 | 1 | 2;

type Stdio = readonly [number, number, number];
/** In the order of ResourceUsage. */
export type Usage = [number, number, number, number, number, number, number, number];
/**
 * What the cgroup of a program has counted: processes that the kernel killed for want of memory, refused forks, most memory in bytes,
 * CPU time in microseconds, or else in nanoseconds. -1 where nothing is known.
 */
export type CgroupUse = [
  oomKills: number,
  refusedForks: number,
  peakBytes: number,
  cpuUs: number,
  cpuNs: number,
];

/** The limits that a process which waits for a program watches; 0 for none. */
export interface WatchedLimits {
  readonly timeMs: number;
  readonly cpuSeconds: number;
  /** The messages for limits that have ended the program: a letter, and the words (native/launcher/limitwatch.h). */
  readonly words: readonly string[];
}

/** Look-ups on the host, and launches. */
export interface LaunchCalls {
  readHost(query: HostQuery): Promise<HostFacts>;
  readHostSync(query: HostQuery): HostFacts;
  /** The ABI of Landlock that this process can use; 0 without one. */
  landlockAbi(): number;
  /** Closes `jailFd` of HostFacts. The end of a worker closes all that are left. */
  closeJail(jailFd: number): void;
  /** Runs a plan in this process, and returns only if it fails. Then the pid file is removed. */
  execPlan(
    plan: Uint8Array,
    jailFd: number,
    pidFile?: { readonly directoryFd: number; readonly name: Buffer; readonly fileFd: number },
  ): PlanFailure;
  /**
   * The same for a program that needs a process which waits for it: starts it, and then replaces this process by that one. `kept`:
   * descriptors of this process that the program gets.
   *
   * @param waiter uid and gid of the process that waits, both empty if it keeps its own, and the pid of the parent with which it ends, or 0
   * @param limits which it watches
   */
  execAndWait(
    plan: Uint8Array,
    jailFd: number,
    launcherFd: number,
    kept: readonly number[],
    waiter: readonly [uid: number | '', gid: number | '', parentPid: number],
    pidFile: { readonly directoryFd: number; readonly name: Buffer; readonly fileFd: number } | undefined,
    limits: WatchedLimits | undefined,
    hasPty: boolean,
  ): PlanFailure;
  /**
   * Runs the steps before execve in a child, which then ends, and waits for it. Null if all steps have succeeded. If `errno` is 0, the
   * signal `detail` has ended the child in that step.
   */
  rehearsePlan(plan: Uint8Array, jailFd: number): PlanFailure | null;
  /**
   * Starts the launcher on another thread. If `jail` is not a descriptor, that thread asks the host again. If the answers have
   * changed, nothing is started, and `onStarted` gets undefined.
   *
   * @param stdio three descriptors; -1 for /dev/null, -2 for a pipe; -3 for the first: the plan opens a terminal; -4: it sends namespaces
   * @param moves descriptors above 2: alternately one of this process, and its number in the program
   * @param group the process group that the plan gives the program
   * @param spaces descriptors of namespaces that the plan joins; they stay open until the launch is over
   * @param onStarted gets null and the pid; or the failure and a descriptor of the jail to be closed with `closeJail`, which is -1 if
   *   `jail` was a descriptor
   */
  spawn(
    plan: Uint8Array,
    jail: number | HostSight,
    launcherFd: number,
    stdio: Stdio,
    moves: readonly number[],
    group: ProcessGroup,
    onStarted: (failure: PlanFailure | null | undefined, pidOrJailFd: number) => void,
    onExit: (
      exitCode: number | null,
      signal: number | null,
      ...usage: [...Usage, ...CgroupUse, full: number]
    ) => void,
    spaces?: readonly number[],
  ): ProcessHandle;
  /**
   * Makes namespaces by the steps of a plan before its program, as root, on a thread of its own. Their descriptors are closed by
   * `closeJail`.
   *
   * @param kinds names in /proc/PID/ns of the namespaces that are wanted
   */
  makeSpaces(
    plan: Uint8Array,
    jailFd: number,
    kinds: readonly string[],
  ): Promise<readonly number[] | PlanFailure>;
  /** In `onStarted`: the namespaces that the plan has sent, to be closed by `closeJail`; or a negative errno. */
  takeSpaces(handle: ProcessHandle): readonly number[] | number;
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
  /**
   * After `onExit`: frees the pid and the number of the group. `endsGroup`: the rest of a group of its own gets SIGKILL.
   */
  release(handle: ProcessHandle, endsGroup: boolean): void;
  /** This process's end of pipe 0, 1 or 2. The caller closes it. Once for each, and before `onExit` has returned. */
  takePipe(handle: ProcessHandle, index: 0 | 1 | 2): number;
  /** The same in `onExit`, to be read later: -1 if there is nothing to read and never will be. */
  keepPipe(handle: ProcessHandle, index: 1 | 2): number;
  /** Says that a stream closes this descriptor of takePipe(), keepPipe() or endedPipe(). Before, the end of a worker closes it. */
  pipeTaken(fd: number): void;
  /** Closes one without a stream, or one of openStatus(). */
  closePipe(fd: number): void;
  /** The read end of a pipe that is empty and that nobody can write into. */
  endedPipe(): number;
  /** A copy for writeStatus(), to be closed with closePipe(). @throws EBADF if `fd` is not open for writing */
  openStatus(fd: number): number;
  /** The number of bytes that were written without waiting, or a negative errno: EAGAIN if none can be written now. */
  writeStatus(fd: number, line: Uint8Array): number;
  /** POLLIN (1) if a pipe has something to read, POLLHUP (16) if nobody can write into it (poll(2)). */
  pollPipe(fd: number): number;
  /** Whether systemd has left a cgroup to its service (systemd.resource-control(5), Delegate=). */
  isDelegated(path: Bytes): boolean;
  /**
   * Reads what the program has written to its terminal: a number of bytes, or a negative errno: EAGAIN if there is nothing now, EBADF
   * after `onExit`.
   */
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
  terminalSize(): readonly [cols: number, rows: number] | undefined;
  /** Whether the event loop stays alive for the program. */
  keepAlive(handle: ProcessHandle, wanted: boolean): void;
}
