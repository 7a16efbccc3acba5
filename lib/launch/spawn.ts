// spawnInJail: from a request to a program that runs beside this process.
import { LaunchError, UsageError } from '../errors.ts';
import { native } from '../native.ts';
import { findProblem } from './check.ts';
import { recall, remember } from './memory.ts';
import { failedLine, hostQuery, prepare, verify, type VerifiedJail } from './prepare.ts';
import type { JailedProcess } from './process.ts';
import { launchKeys, normalize, signalNumber, type LaunchRequest, type NormalRequest } from './request.ts';
import { abortError, callerBeside, start, tell, type NormalSpawn } from './start.ts';
import { toStdio, type Stdio, type StdioEntry } from './stdio.ts';
import { warnOnce } from './warn.ts';

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

async function telling<T>(request: NormalRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError) tell(request, () => failedLine(error));
    throw error;
  }
}

/** Does the work of a launch, and tells statusFd if it fails. */
export function reporting<T>(request: NormalRequest, work: () => Promise<T>): Promise<T> {
  return request.statusFd === undefined ? work() : telling(request, work);
}

/** Plans and starts a launch into a verified jail. */
export function startIn(
  jail: Pick<VerifiedJail, 'fd' | 'account'>,
  request: NormalRequest,
  options: NormalSpawn,
): Promise<JailedProcess> {
  const launch = prepare(request, jail, callerBeside(request));
  const problem = request.checkProgram ? findProblem(launch) : undefined;
  if (problem !== undefined) return Promise.reject(problem);
  return start(launch, jail.fd, options);
}

async function lookUpAndStart(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  const facts = await native.readHost(hostQuery(request));
  const jail = verify(request, facts);
  remember(request, jail, facts);
  warnOnce(jail.warnings);
  try {
    // Open until it has started: a failure is looked into through this descriptor.
    return await startIn(jail, request, options);
  } finally {
    native.closeJail(jail.fd);
  }
}

// As the last launch of this kind, if there was one, and if the host still says what it said then.
function lookAgainAndStart(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  // without a program, or to check it, the jail is looked into before the launch
  const known = request.program === undefined || request.checkProgram ? undefined : recall(request);
  if (known === undefined) return lookUpAndStart(request, options);
  const launch = prepare(request, { fd: -1, account: known.account }, callerBeside(request));
  return start(launch, known.sight, options, () => lookUpAndStart(request, options));
}

/** Look-up, verification, launch: all but the checks of the request. */
export function launchBeside(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  return reporting(request, () =>
    options.signal?.aborted === true
      ? Promise.reject(abortError(options.signal))
      : lookAgainAndStart(request, options),
  );
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
