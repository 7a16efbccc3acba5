// spawnInJail: from a request to a program that runs beside this process.
import { isatty } from 'node:tty';

import { AbortError, LaunchError, UsageError } from '../../errors.ts';
import { checkSignal, reading } from '../../keys.ts';
import { native } from '../../native.ts';
import { callerBeside } from '../host/caller.ts';
import { openCgroup } from '../host/cgroup.ts';
import { keepJail, keptJail } from '../host/kept-jails.ts';
import { hostQuery, prepare, verify, type VerifiedJail } from '../host/prepare.ts';
import { failedLine } from '../host/status-line.ts';
import { hasInit } from '../plan/isolated.ts';
import type { JailedProcess } from '../process/process.ts';
import { StatusLines } from '../process/status.ts';
import { needsCgroup } from '../request/limit-rows.ts';
import { launchKeys, normalize, type LaunchRequest, type NormalRequest } from '../request/request.ts';
import { signalNumber } from '../request/signal.ts';
import {
  handOn,
  ptyStdio,
  streamsOf,
  toStdio,
  type JointOf,
  type Stdio,
  type StdioEntry,
  type StdioTriple,
} from '../request/stdio.ts';
import { flag } from '../request/value.ts';
import { findProblem } from '../tell/preflight.ts';
import { findMissingZone, warnOnce } from '../tell/warn.ts';
import { isWatched, nameOf, publish } from './launch-events.ts';
import { abortError, start, toSpawnError, type NormalSpawn } from './start.ts';

/** A LaunchRequest for a program that runs beside this one. */
export interface SpawnRequest<Wanted extends Stdio = Stdio> extends LaunchRequest {
  /** Default: `pipe` for all three. Descriptors and streams must stay open until the promise is settled. */
  readonly stdio?: Wanted | undefined;
  /** Ends the program with `killSignal` this many milliseconds after the request; 0 or undefined: never. */
  readonly timeoutMs?: number | undefined;
  /** Ends the program with `killSignal` when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Signal for `kill()`, timeout and abort; SIGTERM by default. */
  readonly killSignal?: NodeJS.Signals | number | undefined;
  /**
   * Sends SIGKILL this many milliseconds after a `killSignal` that has not ended the program. Default: 5000 after timeout, abort
   * and disposal, and never after `kill()`.
   */
  readonly forceKillAfterMs?: number | undefined;
  /**
   * A process group of its own, so that timeout, abort and disposal also end the programs that it has started. Default: true,
   * unless one of its descriptors 0 to 2 is a terminal: then it stays in the caller's group, for job control.
   */
  readonly newGroup?: boolean | undefined;
  /** Whether the rest of its own group goes on when the program has ended by itself. Default: the rest gets SIGKILL. */
  readonly leaveDescendants?: boolean | undefined;
}

/** A request whose type tells whether the program gets a pseudo-terminal. */
export interface WithPty<Pty> {
  readonly pty?: Pty;
}

const spawnOnlyKeys = 'stdio timeoutMs signal killSignal forceKillAfterMs newGroup leaveDescendants'.split(
  ' ',
);

/** The keys that normalizeSpawn() reads. */
export const spawnFields: readonly string[] = [...spawnOnlyKeys, 'pty', 'time'];
export type SpawnFields = Omit<SpawnRequest, keyof LaunchRequest> & Pick<SpawnRequest, 'pty' | 'time'>;

/** Every key of a SpawnRequest. */
export const spawnKeys: ReadonlySet<string> = new Set([...launchKeys, ...spawnOnlyKeys]);

// setTimeout() takes anything above for one millisecond.
const mostMs = 2 ** 31 - 1;

/** Milliseconds as setTimeout takes them, 0 to 2^31-1. @throws UsageError */
function toMilliseconds(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= mostMs) return value;
  throw new UsageError(`${name} must be milliseconds from 0 to ${mostMs}`, {
    hint: `write ${name}: ${typeof value === 'string' && /^[0-9]+ *(ms)?$/.test(value) ? Number.parseInt(value, 10) : 5000}`,
  });
}

// `time` in seconds is the same limit.
function toTimeout({ timeoutMs, time }: SpawnFields): number | undefined {
  const given = toMilliseconds(timeoutMs, 'timeoutMs') || undefined;
  if (time === undefined) return given;
  if (given !== undefined) throw new UsageError('time and timeoutMs are given at once: choose one');
  return time * 1000;
}

const isTerminal = (fd: number): boolean => fd >= 0 && isatty(fd);

// The program's end of a pseudo-terminal takes the place of all three.
function joints(
  { pty, stdio }: SpawnFields,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry],
): StdioTriple {
  if (pty === undefined || pty === false) return toStdio(stdio, missing);
  if (stdio === undefined) return ptyStdio;
  throw new UsageError('pty and stdio are given at once: a terminal takes the place of all three');
}

/** Checks what a SpawnRequest adds to a LaunchRequest. @throws UsageError */
export function normalizeSpawn(
  request: SpawnFields,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry] = ['pipe', 'pipe', 'pipe'],
): NormalSpawn {
  return reading(() => {
    const { signal, stdio: wanted } = request;
    checkSignal(signal);
    const stdio = joints(request, missing);
    return {
      stdio,
      streams: streamsOf(wanted),
      newGroup: request.newGroup === undefined ? !stdio.some(isTerminal) : flag(request.newGroup, 'newGroup'),
      leaveDescendants: flag(request.leaveDescendants, 'leaveDescendants'),
      timeoutMs: toTimeout(request),
      signal,
      killSignal: signalNumber(request.killSignal ?? 'SIGTERM', 'killSignal'),
      forceKillAfterMs: toMilliseconds(request.forceKillAfterMs, 'forceKillAfterMs'),
      requestedAt: performance.now(),
    };
  });
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
 * Does the work of a launch. Streams are handed on and statusFd is copied at once. A failure is written to statusFd.
 *
 * @throws LaunchError if statusFd is not open for writing
 */
export function begin<T>(
  request: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  if (!isWatched()) return beginUnwatched(request, options, work);
  const launch = nameOf(request);
  publish('launch', { launch });
  return beginUnwatched(request, { ...options, launch }, work).catch((error: unknown) => {
    publish('denial', { launch, error });
    throw error;
  });
}

function beginUnwatched<T>(
  { statusFd }: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  const status = statusFd === undefined ? undefined : openStatus(statusFd);
  if (options.streams.length > 0) handOn(options.streams);
  return status === undefined ? work(options) : telling(status, () => work({ ...options, status }));
}

/**
 * Plans and starts a launch into a verified jail.
 *
 * @param onChanged what to do instead if the jail is not open and the host has changed since it was verified
 */
export async function startIn(
  jail: VerifiedJail,
  request: NormalRequest,
  options: NormalSpawn,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  if (options.leaveDescendants) refuseEnd(request);
  const cgroup = needsCgroup(request) ? await openCgroup(request) : undefined;
  const launch = prepare(
    request,
    jail,
    callerBeside(request, options.newGroup || request.newSession, options.spaces?.kinds, cgroup),
  );
  if (jail.fd >= 0) {
    warnOnce(findMissingZone(launch));
    const problem = request.checkProgram ? findProblem(launch) : undefined;
    if (problem !== undefined) throw problem;
  }
  return start(launch, jail.directory, options, onChanged);
}

// What ends all that the program has started, so that nothing can be left.
function refuseEnd(request: NormalRequest): void {
  if (needsCgroup(request))
    throw new UsageError('leaveDescendants and limits of a cgroup are given at once', {
      hint: 'the cgroup of a launch, and all processes in it, end with the program',
    });
  if (hasInit(request))
    throw new UsageError('leaveDescendants and a pid namespace are given at once', {
      hint: 'a pid namespace (isolate, unshare), and all processes in it, end with the program',
    });
}

async function lookUpAndStart(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  const facts = await native.readHost(hostQuery(request));
  const jail = verify(request, facts);
  keepJail(request, jail, facts.sight);
  warnOnce(jail.warnings);
  try {
    // open until the program has started: a failure is looked into through this descriptor
    return await startIn(jail, request, options);
  } finally {
    native.closeJail(jail.fd);
  }
}

/** Look-up, verification, launch: everything but the checks of the request. */
export function launchBeside(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  return begin(request, options, (begun) => {
    if (begun.signal?.aborted === true) return Promise.reject(abortError(begun.signal));
    const lookUp = (): Promise<JailedProcess> => lookUpAndStart(request, begun);
    // a default program, and checkProgram, need the jail open before the launch
    const jail = request.program === undefined || request.checkProgram ? undefined : keptJail(request);
    return jail === undefined ? lookUp() : startIn(jail, request, begun, lookUp);
  });
}

/**
 * Starts a program in a jail beside this process, without holding the event loop. Resolves once the program has been
 * executed, so a missing interpreter is a rejection and not an exit status.
 *
 * @throws UsageError for a bad request; nothing has happened
 * @throws LaunchError if a step failed; the program has not run
 * @throws AbortError if the AbortSignal was aborted before; the program has not run
 */
export async function spawnInJail<
  const Wanted extends Stdio = 'pipe',
  const Pty extends SpawnRequest['pty'] = undefined,
>(request: SpawnRequest<Wanted> & WithPty<Pty>): Promise<JailedProcess<JointOf<Wanted, Pty>>> {
  const child = await launchBeside(normalize(request, spawnKeys), normalizeSpawn(request));
  return child as JailedProcess<JointOf<Wanted, Pty>>;
}
