// spawnInJail: from a request to a program that runs beside this process.
import { isatty } from 'node:tty';

import { AbortError, LaunchError, UsageError } from '../../errors.ts';
import { checkSignal, reading } from '../../keys.ts';
import { native } from '../../native.ts';
import { findProblem } from '../tell/preflight.ts';
import { recall, remember } from '../host/sight-cache.ts';
import { failedLine, hostQuery, prepare, verify, type VerifiedJail } from '../host/prepare.ts';
import type { JailedProcess } from '../process/process.ts';
import { launchKeys, normalize, type LaunchRequest, type NormalRequest } from '../request/request.ts';
import { signalNumber } from '../request/signal.ts';
import { abortError, callerBeside, start, toSpawnError, type NormalSpawn } from './start.ts';
import { StatusLines } from '../process/status.ts';
import { handOn, streamsOf, toStdio, type Stdio, type StdioEntry } from '../request/stdio.ts';
import { warnOnce } from '../tell/warn.ts';
import { findMissingZone } from '../host/zone.ts';

/** A LaunchRequest for a program that runs beside this one. */
export interface SpawnRequest<Wanted extends Stdio = Stdio> extends LaunchRequest {
  /** Default: `pipe` for all three. Descriptors and streams must stay open until the promise is settled. */
  readonly stdio?: Wanted | undefined;
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
  /**
   * A process group of its own, so that timeout, abort and disposal end what the program has started too. Default: true,
   * unless one of its descriptors 0 to 2 is a terminal: there the group is the caller's, for job control.
   */
  readonly newGroup?: boolean | undefined;
  /** When the program has ended by itself, what is left in a group of its own goes on. Default: it gets SIGKILL. */
  readonly leaveDescendants?: boolean | undefined;
}

/** Every key of a SpawnRequest. */
export const spawnKeys: ReadonlySet<string> = new Set([
  ...launchKeys,
  'stdio',
  'timeoutMs',
  'signal',
  'killSignal',
  'forceKillAfterMs',
  'newGroup',
  'leaveDescendants',
]);

// setTimeout() takes anything beyond for one millisecond.
const mostMs = 2 ** 31 - 1;

/** Milliseconds as setTimeout takes them, 0 to 2^31-1. @throws UsageError */
function toMilliseconds(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= mostMs) return value;
  throw new UsageError(`${name} must be milliseconds from 0 to ${mostMs}`);
}

function toSwitch(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw new UsageError(`${name} must be true or false`);
}

const isTerminal = (fd: number): boolean => fd >= 0 && isatty(fd);

/** Checks what SpawnRequest adds to LaunchRequest. @throws UsageError */
export function normalizeSpawn(
  request: SpawnRequest,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry] = ['pipe', 'pipe', 'pipe'],
): NormalSpawn {
  return reading(() => toNormalSpawn(request, missing));
}

function toNormalSpawn(
  request: SpawnRequest,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry],
): NormalSpawn {
  const { signal, stdio: wanted } = request;
  checkSignal(signal);
  const stdio = toStdio(wanted, missing);
  return {
    stdio,
    streams: streamsOf(wanted),
    newGroup: toSwitch(request.newGroup, 'newGroup') ?? !stdio.some(isTerminal),
    leaveDescendants: toSwitch(request.leaveDescendants, 'leaveDescendants') ?? false,
    timeoutMs: toMilliseconds(request.timeoutMs, 'timeoutMs') || undefined,
    signal,
    killSignal: signalNumber(request.killSignal ?? 'SIGTERM', 'killSignal'),
    forceKillAfterMs: toMilliseconds(request.forceKillAfterMs, 'forceKillAfterMs'),
    requestedAt: performance.now(),
  };
}

function openStatus(fd: number): StatusLines {
  try {
    return new StatusLines(fd);
  } catch (error) {
    throw toSpawnError(error, 'statusFd must be open for writing');
  }
}

async function telling<T>(status: StatusLines, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError) status.tell(failedLine(error));
    if (error instanceof AbortError)
      status.tell(failedLine({ step: 'launch', code: error.code, message: error.message }));
    status.end();
    throw error;
  }
}

/**
 * Does the work of a launch, with what counts at the call: streams are handed on, and statusFd is copied; it is told if the
 * launch fails.
 *
 * @throws LaunchError if statusFd is not open for writing
 */
export function begin<T>(
  { statusFd }: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  const status = statusFd === undefined ? undefined : openStatus(statusFd);
  if (options.streams.length > 0) handOn(options.streams);
  return status === undefined ? work(options) : telling(status, () => work({ ...options, status }));
}

/** Plans and starts a launch into a verified jail. */
export function startIn(
  jail: Pick<VerifiedJail, 'fd' | 'account'>,
  request: NormalRequest,
  options: NormalSpawn,
): Promise<JailedProcess> {
  const launch = prepare(request, jail, callerBeside(request, options));
  const zone = findMissingZone(launch);
  if (zone !== undefined) warnOnce([zone]);
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
  const launch = prepare(request, { fd: -1, account: known.account }, callerBeside(request, options));
  return start(launch, known.sight, options, () => lookUpAndStart(request, options));
}

/** Look-up, verification, launch: all but the checks of the request. */
export function launchBeside(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  return begin(request, options, (begun) =>
    begun.signal?.aborted === true
      ? Promise.reject(abortError(begun.signal))
      : lookAgainAndStart(request, begun),
  );
}

/**
 * Starts a program in a jail beside this process, without holding the event loop. Resolves once the program has been
 * executed, so a missing interpreter is a rejection and not an exit status.
 *
 * @throws UsageError for a bad request; nothing has happened
 * @throws LaunchError if a step failed; the program has not run
 * @throws AbortError if the AbortSignal was aborted before; the program has not run
 */
export async function spawnInJail<const Wanted extends Stdio = 'pipe'>(
  request: SpawnRequest<Wanted>,
): Promise<JailedProcess<Wanted>> {
  const child = await launchBeside(normalize(request, spawnKeys), normalizeSpawn(request));
  return child as JailedProcess<Wanted>;
}
