// Launching from a service: the launcher is started on a worker thread, and the event loop hears of the rest.
import { openSync, writeSync } from 'node:fs';

import { LaunchError, UsageError } from '../errors.ts';
import { launcherPath, native, type ProcessHandle } from '../native.ts';
import { quote } from '../quote.ts';
import { findProblem } from './check.ts';
import type { DirectoryFinding } from './directory.ts';
import { encodePlan } from './encode.ts';
import { describedVariables, splitEntries } from './environment.ts';
import { errnoName } from './errno.ts';
import { toLaunchError } from './failure.ts';
import { writePidFile, type PidFile } from './pidfile.ts';
import {
  hostQuery,
  prepare,
  failedLine,
  statusLine,
  verify,
  type Caller,
  type Launch,
  type VerifiedJail,
} from './prepare.ts';
import { JailedProcess, toExit, type StopReason } from './process.ts';
import { launchKeys, normalize, signalNumber, type LaunchRequest, type NormalRequest } from './request.ts';
import { toStdio, type Stdio, type StdioEntry, type StdioTriple } from './stdio.ts';

/** A LaunchRequest for a program that runs beside this one. */
export interface SpawnRequest extends LaunchRequest {
  /** Default: `pipe` for all three. Descriptors and streams must stay open until the promise is settled. */
  readonly stdio?: Stdio | undefined;
  /** Ends the program with `killSignal` after so many milliseconds, counted from the request; 0 or undefined: never. */
  readonly timeoutMs?: number | undefined;
  /** Ends the program with `killSignal` when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Signal for `kill()`, timeout and abort; SIGTERM by default. */
  readonly killSignal?: NodeJS.Signals | number | undefined;
  /**
   * Sends SIGKILL so many milliseconds after a `killSignal` that has not ended the program. Default: 5000 after timeout,
   * abort and disposal, and never after `kill()`.
   */
  readonly forceKillAfterMs?: number | undefined;
}

/** The normal form of what SpawnRequest adds. */
export interface NormalSpawn {
  readonly stdio: StdioTriple;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly killSignal: number;
  readonly forceKillAfterMs: number | undefined;
  /** When the request was made, as performance.now() has it. */
  readonly requestedAt: number;
}

/** Every key of a SpawnRequest. */
export const spawnKeys: ReadonlySet<string> = new Set([
  ...launchKeys,
  'stdio',
  'timeoutMs',
  'signal',
  'killSignal',
  'forceKillAfterMs',
]);

/** Milliseconds as setTimeout takes them, 0 to 2^31-1. @throws UsageError */
function toMilliseconds(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value < 2 ** 31) return value;
  throw new UsageError(`${name} must be milliseconds from 0 to ${2 ** 31 - 1}`);
}

/** Checks what SpawnRequest adds to LaunchRequest. @throws UsageError */
export function normalizeSpawn(
  request: SpawnRequest,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry] = ['pipe', 'pipe', 'pipe'],
): NormalSpawn {
  const { signal } = request;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new UsageError('signal must be an AbortSignal');
  return {
    stdio: toStdio(request.stdio, missing),
    timeoutMs: toMilliseconds(request.timeoutMs, 'timeoutMs') || undefined,
    signal,
    killSignal: signalNumber(request.killSignal ?? 'SIGTERM', 'killSignal'),
    forceKillAfterMs: toMilliseconds(request.forceKillAfterMs, 'forceKillAfterMs'),
    requestedAt: performance.now(),
  };
}

/** This process as the caller of a launch beside it. */
function callerBeside(request: NormalRequest): Caller {
  const environment = request.keepEnv
    ? splitEntries(native.environmentEntries())
    : describedVariables(process.env);
  return { inPlace: false, environment, pid: process.pid, parentPid: process.pid };
}

// Opened once, by descriptor, so that nobody can put another file in its place later.
let launcherFd: number | undefined;

function openLauncher(): number {
  launcherFd ??= openSync(launcherPath(), 'r');
  return launcherFd;
}

const warned = new Set<string>();

/** Process warnings, each once: `UCHROOT_JAIL`. */
export function warnOnce(warnings: readonly DirectoryFinding[]): void {
  for (const { message, hint } of warnings) {
    if (warned.has(message)) continue;
    warned.add(message);
    process.emitWarning(message, { code: 'UCHROOT_JAIL', detail: `hint: ${hint}` });
  }
}

function tell(request: NormalRequest, line: Buffer): void {
  if (request.statusFd === undefined) return;
  try {
    writeSync(request.statusFd, line);
  } catch {
    // Nobody reads it any more; the program and its promise are not concerned.
  }
}

/** Does the work of a launch, and tells statusFd if it fails. */
export async function reporting<T>(request: NormalRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError) tell(request, failedLine(error));
    throw error;
  }
}

function abortError(signal: AbortSignal): LaunchError {
  return new LaunchError('launch: aborted before it began', {
    step: 'launch',
    code: 'ABORT_ERR',
    cause: signal.reason,
  });
}

// Timeout and abort. The first of them counts.
class Stop {
  readonly #options: NormalSpawn;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onStop: (reason: StopReason) => void;
  reason: StopReason | undefined;

  constructor(options: NormalSpawn, onStop: (reason: StopReason) => void) {
    this.#options = options;
    this.#onStop = onStop;
    if (options.timeoutMs !== undefined) {
      const leftMs = options.timeoutMs - (performance.now() - options.requestedAt); // the look-up has taken its part
      this.#timer = setTimeout(() => this.#stop('ETIMEDOUT'), Math.max(0, leftMs));
    }
    options.signal?.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.#stop('ABORT_ERR');

  #stop(reason: StopReason): void {
    this.clear();
    this.reason = reason;
    this.#onStop(reason);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}

// Starts a prepared launch. Resolves once the program has been executed.
function startLaunch(launch: Launch, jailFd: number, options: NormalSpawn): Promise<JailedProcess> {
  const { request, steps, view, keptFds } = launch;
  const problem = request.checkProgram ? findProblem(launch) : undefined;
  if (problem !== undefined) return Promise.reject(problem);
  if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal));
  return new Promise((resolve, reject) => {
    let started: JailedProcess | undefined;
    let pidFile: PidFile | undefined;
    const stop = new Stop(options, (reason) => {
      // Still on its way, it may have been stopped by the jailed user: only SIGKILL is sure to end it.
      if (started !== undefined) started.stop(reason);
      else if (handle !== undefined) native.killProcess(handle, 9);
    });
    let handle: ProcessHandle | undefined;
    try {
      handle = native.spawn(
        encodePlan(steps),
        jailFd,
        openLauncher(),
        options.stdio,
        keptFds,
        (failure, pid, pipes) => {
          if (failure !== null || handle === undefined) {
            stop.clear();
            return reject(toLaunchError(steps, failure ?? { step: -1, op: 0, errno: 5, detail: 0 }, view));
          }
          const program = steps.findLast((step) => step.op === 'execve');
          started = new JailedProcess({
            pid,
            handle,
            pipes,
            spawnfile: quote(program?.program ?? ''),
            spawnargs: program?.argv.map((argument) => argument.toString()) ?? [],
            killSignal: options.killSignal,
            forceKillAfterMs: options.forceKillAfterMs,
          });
          try {
            if (request.pidFile !== undefined) pidFile = writePidFile(request.pidFile, pid);
          } catch (error) {
            started.kill('SIGKILL');
            return reject(error);
          }
          tell(request, statusLine({ event: 'started', pid }));
          if (stop.reason !== undefined) started.stop(stop.reason);
          return resolve(started);
        },
        (exitCode, signal, usage) => {
          stop.clear();
          pidFile?.keep();
          const exit = toExit(exitCode, signal, usage);
          const { exitCode: status, signal: name } = exit;
          tell(request, statusLine({ event: 'exited', pid: started?.pid, exitCode: status, signal: name }));
          started?.finish(exit);
        },
      );
    } catch (error) {
      stop.clear();
      reject(toSpawnError(error));
    }
  });
}

// The addon throws system errors for descriptors that are not open.
function toSpawnError(error: unknown): LaunchError {
  const { code = 'EIO', errno = -5, path } = error as NodeJS.ErrnoException;
  return new LaunchError(`launch: ${path ?? 'descriptors'}: ${errnoName(-errno)}`, {
    step: 'launch',
    call: 'fcntl',
    code,
    errno: -errno,
    path,
    hint: 'descriptors in stdio and preserveFds must be open until the promise is settled',
    cause: error,
  });
}

/** Plans and starts a launch into a verified jail. */
export function startIn(
  jail: Pick<VerifiedJail, 'fd' | 'account'>,
  request: NormalRequest,
  options: NormalSpawn,
): Promise<JailedProcess> {
  return startLaunch(prepare(request, jail, callerBeside(request)), jail.fd, options);
}

/** Look-up, verification, launch: all but the checks of the request. */
export function launchBeside(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  return reporting(request, async () => {
    if (options.signal?.aborted === true) throw abortError(options.signal);
    const jail = verify(request, await native.readHost(hostQuery(request)));
    warnOnce(jail.warnings);
    try {
      // Open until it has started: a failure is looked into through this descriptor.
      return await startIn(jail, request, options);
    } finally {
      native.closeJail(jail.fd);
    }
  });
}

/**
 * Starts a program in a jail beside this process, without holding the event loop. Resolves once the program has been
 * executed, so a missing interpreter is a rejection and not an exit status.
 *
 * @throws UsageError for a bad request; nothing has happened
 * @throws LaunchError if a step failed; the program has not run
 */
export async function spawnInJail(request: SpawnRequest): Promise<JailedProcess> {
  return launchBeside(normalize(request, spawnKeys), normalizeSpawn(request));
}
