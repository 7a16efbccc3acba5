// The errors of the library: classes and codes are API, messages may change.

/** The place in a plan where a launch failed. */
export interface FailedStep {
  /** Name of the step as `uchroot --plan` prints it, such as `chroot` or `execve`. */
  readonly step: string;
  /** Its place in the plan, from 1; undefined before the plan has begun. */
  readonly place?: number | undefined;
  /** The system or library call that answered with the errno. */
  readonly call?: string | undefined;
  /** Name of the errno (`ENOENT`), or a code of our own (`ERR_ROOT_TARGET`). */
  readonly code: string;
  /** The errno as a positive number, where there is one. */
  readonly errno?: number | undefined;
  /** What the step was about: a path in the jail, or on the host where the message says so. */
  readonly path?: string | undefined;
  /** What to do about it, in one sentence. */
  readonly hint?: string | undefined;
  /** What the command exits with: 2, 3, 125, 126 or 127. */
  readonly exitStatus?: number | undefined;
}

/** The request was wrong and nothing has happened. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'ERR_USAGE';
  readonly hint: string | undefined;
  readonly exitStatus = 1;

  constructor(
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
  }
}

/** A step of the launch failed; the program never ran. */
export class LaunchError extends Error implements FailedStep {
  override readonly name = 'LaunchError';
  readonly step: string;
  readonly place: number | undefined;
  readonly call: string | undefined;
  readonly code: string;
  readonly errno: number | undefined;
  readonly path: string | undefined;
  readonly hint: string | undefined;
  readonly exitStatus: number;

  constructor(message: string, failed: FailedStep & { readonly cause?: unknown }) {
    super(message, failed.cause === undefined ? undefined : { cause: failed.cause });
    this.step = failed.step;
    this.place = failed.place;
    this.call = failed.call;
    this.code = failed.code;
    this.errno = failed.errno;
    this.path = failed.path;
    this.hint = failed.hint;
    this.exitStatus = failed.exitStatus ?? 125;
  }
}

/** Work on a jail failed: the host or the jail's directory was in the way, or the work was ended. */
export class JailError extends Error {
  override readonly name = 'JailError';
  /** The code of a system error, or one of our own (`ERR_MISSING`, `ERR_INSECURE_PATH`, `ABORT_ERR`). */
  readonly code: string;
  readonly path: string | undefined;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: {
      readonly code: string;
      readonly path?: string | undefined;
      readonly hint?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.path = options.path;
    this.hint = options.hint;
  }
}

/** How a program ended, and what it wrote. */
export interface ExitDetails {
  /** Exit status; null if a signal ended it, or if somebody else in this process took the status away. */
  readonly exitCode: number | null;
  /** Name of the signal that ended it, else null. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string | Buffer;
  readonly stderr: string | Buffer;
  readonly pid: number;
  /** From the request to the end, in milliseconds. */
  readonly durationMs: number;
}

/** The program ran and failed: it exited with another status than 0, a signal ended it, or it was stopped. */
export class ExitError extends Error implements ExitDetails {
  override readonly name = 'ExitError';
  /** `ERR_EXIT`, `ERR_SIGNAL`; of a program that was stopped `ETIMEDOUT`, `ABORT_ERR` or `ERR_MAX_BUFFER`. */
  readonly code: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string | Buffer;
  readonly stderr: string | Buffer;
  readonly pid: number;
  readonly durationMs: number;

  constructor(message: string, code: string, ended: ExitDetails, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = ended.exitCode;
    this.signal = ended.signal;
    this.stdout = ended.stdout;
    this.stderr = ended.stderr;
    this.pid = ended.pid;
    this.durationMs = ended.durationMs;
  }
}
