// The calls of the addon that look the host up, launch programs, and wait for them.
import type { Bytes } from '../quote.ts';

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
export interface Group {
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
/** In the order of ResourceUsage. */
export type Usage = [number, number, number, number, number, number, number, number];

/** Looking up the host, and launching. */
export interface LaunchCalls {
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
}
