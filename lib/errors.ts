// The errors of the library: classes and codes are API, messages may change.
import type { constants } from 'node:os';

/** The name of an errno (errno(3)), or `E` and its number. */
export type ErrnoName =
  | keyof typeof constants.errno
  | 'EBADE'
  | 'ELIBBAD'
  | 'EUSERS'
  | 'ENOKEY'
  | `E${number}`;

/** `code` of a LaunchError: the name of an errno, or one of our own. */
export type LaunchErrorCode =
  | 'ERR_UNKNOWN_USER'
  | 'ERR_UNKNOWN_GROUP'
  | 'ERR_ROOT_TARGET'
  | 'ERR_NOT_ROOT'
  | 'ERR_ROOT'
  | 'ERR_INSECURE_PATH'
  | 'ERR_NOT_DELEGATED'
  | 'ERR_NO_SUBORDINATE_IDS'
  /** The first one only of `uchroot --check`, the second of a rehearsal: a signal, which the message names, would end the launch. */
  | 'ERR_UNSAFE_JAIL'
  | 'ERR_SIGNAL'
  | ErrnoName;

/** `code` of a JailError: the name of an errno, or one of our own. */
export type JailErrorCode =
  | 'ERR_CHECK'
  | 'ERR_IMAGE'
  | 'ERR_INSECURE_PATH'
  | 'ERR_MANIFEST'
  | 'ERR_MISSING'
  | 'ERR_NO_MANIFEST'
  | 'ERR_RECIPE'
  | 'ERR_SCRATCH'
  | 'ERR_SERVICE'
  | ErrnoName;

/** `code` of an ExitError. */
export type ExitErrorCode = 'ERR_EXIT' | 'ERR_SIGNAL' | 'ETIMEDOUT' | 'ERR_MAX_BUFFER';

/** Where a launch failed. */
export interface FailedStep {
  /** Name of the step as `uchroot --plan=steps` prints it, such as `chroot` or `execve`. */
  readonly step: string;
  /** Its place in the plan, from 1; undefined before the plan has begun. */
  readonly place?: number | undefined;
  /** The system or library call that failed. */
  readonly call?: string | undefined;
  /** Name of the errno (`ENOENT`), or a code of our own (`ERR_ROOT_TARGET`). */
  readonly code: LaunchErrorCode;
  /** The errno as a positive number, where there is one. */
  readonly errno?: number | undefined;
  /** The object of the step: a path in the jail, or on the host if the message says so. */
  readonly path?: string | undefined;
  /** What to do about it, in one sentence. */
  readonly hint?: string | undefined;
  /** What the command exits with, one of `exitStatuses`. */
  readonly exitStatus?: number | undefined;
}

interface ErrorDetails {
  readonly path?: string | undefined;
  /** What to do about it, in one sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

// An error without a cause has no such property, which would be printed.
const causeOf = ({ cause }: { readonly cause?: unknown }) => (cause === undefined ? undefined : { cause });

/** How an interface (the library, a command, a file of settings) names a key, and how it writes a value for it. */
export interface Naming {
  readonly name: (key: string) => string;
  readonly assign: (key: string, value: unknown) => string;
}

interface UsageDetails extends Omit<ErrorDetails, 'path'> {
  readonly key?: string;
  readonly value?: unknown;
  readonly expected?: string;
  /** Message and hint for an interface that names keys differently. */
  readonly inWords?: (naming: Naming) => { readonly message: string; readonly hint?: string | undefined };
}

/** What the commands exit with if they start no program, as the C original, chroot(1) and env(1); 1 is a usage error. */
export const exitStatuses = { unknownUser: 2, notRoot: 3, failed: 125, unusable: 126, missing: 127 } as const;

/** The request was wrong, and nothing has happened. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'ERR_USAGE';
  readonly hint: string | undefined;
  readonly exitStatus = 1;
  /** The key that is wrong, as the library has it: `nice`, `view[0].tmpfs`. Undefined if the error is about no key. */
  declare readonly key?: string;
  declare readonly value?: unknown;
  /** What the value must be: `a whole number from 0 to 19`. */
  declare readonly expected?: string;
  declare readonly inWords?: UsageDetails['inWords'];

  constructor(message: string, { hint, cause, key, expected, ...hidden }: UsageDetails = {}) {
    super(message, causeOf({ cause }));
    this.hint = hint;
    if (key !== undefined) Object.assign(this, { key, expected });
    // not enumerable: console.error() would print all of an object
    for (const [name, value] of Object.entries(hidden)) Object.defineProperty(this, name, { value });
  }
}

/** A step of the launch failed; the program never ran. */
export class LaunchError extends Error implements FailedStep {
  override readonly name = 'LaunchError';
  readonly step: string;
  readonly place: number | undefined;
  readonly call: string | undefined;
  readonly code: LaunchErrorCode;
  readonly errno: number | undefined;
  readonly path: string | undefined;
  readonly hint: string | undefined;
  readonly exitStatus: number;

  constructor(message: string, failed: FailedStep & { readonly cause?: unknown }) {
    super(message, causeOf(failed));
    this.step = failed.step;
    this.place = failed.place;
    this.call = failed.call;
    this.code = failed.code;
    this.errno = failed.errno;
    this.path = failed.path;
    this.hint = failed.hint;
    this.exitStatus = failed.exitStatus ?? exitStatuses.failed;
  }
}

/** Work on a jail failed, because of the host or of the jail's directory. */
export class JailError extends Error {
  override readonly name = 'JailError';
  /** The code of a system error, or one of our own (`ERR_MISSING`, `ERR_INSECURE_PATH`). */
  readonly code: JailErrorCode;
  readonly path: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorDetails & { readonly code: JailErrorCode }) {
    super(message, causeOf(options));
    this.code = options.code;
    this.path = options.path;
    this.hint = options.hint;
  }
}

/**
 * What a program used (getrusage(2)). The largest resident set is missing: execve carries the starting process's over
 * (exec_mmap() in the kernel's fs/exec.c), so it says nothing about the program.
 */
export interface ResourceUsage {
  /** Time on a CPU in user mode, in milliseconds. */
  readonly userCpuMs: number;
  /** Time on a CPU in the kernel, in milliseconds. */
  readonly systemCpuMs: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** Reads and writes that reached a block device. */
  readonly blockInputs: number;
  readonly blockOutputs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  /** Most memory that all processes had at once, in bytes. Only with limits that need a cgroup, and if its kernel counts it. */
  readonly peakMemoryBytes?: number;
  /** Time on a CPU of all processes, in milliseconds. Only with limits that need a cgroup. */
  readonly totalCpuMs?: number;
}

/**
 * The limit that ended a program: `memory`, `pids` and `cpu time` of the request, `time` is `timeoutMs`, `output` is `maxBufferBytes`,
 * `file size` is the resource limit fsize, `disk` and `inodes` are the space of a tmpfs or of an ephemeral jail, `call` is SIGSYS.
 */
export type LimitName = 'memory' | 'pids' | 'time' | 'cpu time' | 'file size' | Full | 'output' | 'call';
type Full = 'disk' | 'inodes';
type Grant = 'option' | 'build' | 'place';
type Times = `time${'' | '-user' | '-system' | '-wall'}`;
type Counts = 'killed' | `csw-${'voluntary' | 'forced'}` | `disk-${'read' | 'written'}`;
type Rare = `exit${'code' | 'sig'}` | `cg-${'mem' | 'oom-killed'}` | 'max-rss' | Processes;
type Processes = 'refused-forks' | 'left-behind';

/** What ended a program and what it used, with the keys and units of `--result` (uchroot(8), THE ACCOUNT OF THE END). */
export interface EndAccount
  extends Readonly<Record<Times | Counts, number>>, Readonly<Partial<Record<Rare, number>>> {
  readonly status: 'OK' | 'RE' | 'SG' | 'TO' | 'XX';
  readonly limit?: LimitName;
  readonly message?: string;
  readonly 'time-of': 'all processes' | 'processes that were waited for';
}

/** What a program wrote: text, bytes, or lines. */
export type Output = string | Buffer | string[];

/** How a program ended, and what it wrote. */
export interface ExitDetails<Text extends Output = Output> {
  /** Exit status; null if a signal ended it, or if something else in this process has waited for it. */
  readonly exitCode: number | null;
  /** Name of the signal that ended it, else null. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Text;
  readonly stderr: Text;
  readonly pid: number;
  /** From the request to the end, in milliseconds. */
  readonly durationMs: number;
  readonly usage: ResourceUsage;
  /** Whether `timeoutMs` has stopped it. */
  readonly timedOut: boolean;
  /** Whether the AbortSignal of the request has stopped it. */
  readonly isCanceled: boolean;
  /** stdout and stderr together, in the order in which they arrived; only with `all: true`. */
  readonly all?: Text;
  /** The limit that ended it, if one did. */
  readonly limit?: LimitName | undefined;
  /** What ended it and what it used, with the keys of `--result`. */
  readonly account: EndAccount;
  /** With `connectTo` or `reportDenials`: what it was refused, each once, at most 100 hosts. */
  readonly denied?: readonly Denied[] | undefined;
}

/** What a program with `connectTo` or `reportDenials` was refused; doc/library.md has the keys. */
export interface Denied extends Partial<Record<'path' | 'call' | 'limit' | Grant, string>> {
  /** The name that it has asked for. */
  readonly name?: string;
  /** The address to which the name leads, or that was called. */
  readonly address?: string;
  readonly port?: number;
  readonly reason: string;
  /** The entry that would allow it; missing if no entry can. `PORT` stands for a port that is not known. */
  readonly entry?: string;
  readonly count?: number;
}

/** The program ran and failed: its exit status was not 0, a signal ended it, or it was stopped. */
export class ExitError<Text extends Output = string> extends Error implements ExitDetails<Text> {
  override readonly name = 'ExitError';
  /** `ERR_EXIT` or `ERR_SIGNAL`; `ETIMEDOUT` or `ERR_MAX_BUFFER` if it was stopped. */
  readonly code: ExitErrorCode;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Text;
  readonly stderr: Text;
  readonly pid: number;
  readonly durationMs: number;
  readonly usage: ResourceUsage;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
  readonly all?: Text;
  readonly limit: LimitName | undefined;
  readonly account: EndAccount;
  readonly denied: readonly Denied[] | undefined;
  /** What to do about it, if a shared library was missing. */
  readonly hint: string | undefined;

  constructor(message: string, code: ExitErrorCode, ended: ExitDetails<Text>, hint?: string) {
    super(message);
    this.code = code;
    this.exitCode = ended.exitCode;
    this.signal = ended.signal;
    this.stdout = ended.stdout;
    this.stderr = ended.stderr;
    this.pid = ended.pid;
    this.durationMs = ended.durationMs;
    this.usage = ended.usage;
    this.timedOut = ended.timedOut;
    this.isCanceled = ended.isCanceled;
    if (ended.all !== undefined) this.all = ended.all;
    this.limit = ended.limit;
    this.account = ended.account;
    this.denied = ended.denied;
    this.hint = hint;
  }
}

/** The AbortSignal of the request was aborted, before or after the start. Name and code are those of the platform. */
export class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ABORT_ERR';
  /** How the program ended; undefined if it has not run, and for work on a jail. */
  readonly ended: ExitDetails | undefined;
  /** Where interrupted work on a jail has left files. */
  readonly path: string | undefined;
  readonly hint: string | undefined;

  constructor(
    message: string,
    signal: AbortSignal | undefined,
    more: Omit<ErrorDetails, 'cause'> & { readonly ended?: ExitDetails | undefined } = {},
  ) {
    super(message, { cause: signal?.reason });
    this.ended = more.ended;
    this.path = more.path;
    this.hint = more.hint;
  }
}
