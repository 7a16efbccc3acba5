// Rows of the option table for a program beside this process: how it is joined to this process, and what ends it.
import { isatty } from 'node:tty';

import { checkSignal, reading } from '../../values/keys.ts';
import { flag, maybe, number, optional } from '../../values/validators.ts';
import type { OnConnect } from '../../outbound/consent.ts';
import { atOnce, wrong } from '../../values/wrong.ts';
import { toListenSockets } from './listen-sockets.ts';
import type { GivenOf, NormalOf, Rows, Values } from './option-row.ts';
import { normalizer, type LaunchRequest, type NormalRequest } from './request.ts';
import { ptyStdio, streamsOf, toStdio, type Stdio, type StdioEntry, type StdioTriple } from './stdio.ts';

/** Descriptors 0 to 2 of a program. */
export interface Descriptors {
  readonly triple: StdioTriple;
  /** Streams of this process that the program gets. */
  readonly streams: readonly (object | undefined)[];
}

/** @param missing what is left out */
export function toDescriptors(
  value: Stdio | undefined,
  missing: readonly [StdioEntry, StdioEntry, StdioEntry],
): Descriptors {
  return { triple: toStdio(value, missing), streams: streamsOf(value) };
}

// The program's end of a pseudo-terminal takes the place of all three.
function toJoints(value: Stdio | undefined, key: string, { pty }: Values): Descriptors {
  if (pty === undefined || pty === false) return toDescriptors(value, ['pipe', 'pipe', 'pipe']);
  if (value === undefined) return { triple: ptyStdio, streams: [] };
  throw atOnce(key, 'pty', 'a terminal takes the place of all three');
}

// setTimeout() takes anything above for one millisecond.
const toMilliseconds = optional(number(0, 2 ** 31 - 1, 'milliseconds', 5000));

// `time` in seconds is the same limit.
function toTimeout(value: number | undefined, key: string, { time }: Values): number | undefined {
  const given = toMilliseconds(value, key) || undefined;
  if (time === undefined) return given;
  if (given !== undefined) throw atOnce('time', key);
  return (time as number) * 1000;
}

function toSignal(value: AbortSignal | undefined): AbortSignal | undefined {
  checkSignal(value);
  return value;
}

function toOnConnect(value: OnConnect | undefined, key: string): OnConnect | undefined {
  if (value !== undefined && typeof value !== 'function')
    throw wrong({
      key,
      value,
      expected: 'a function',
      hint: `for example ${key}: ({ name }) => name === 'api.example.org'`,
    });
  return value;
}

export const spawnRows = {
  /** Default: `pipe` for all three. Descriptors and streams must stay open until the promise is settled. */
  stdio: { type: 'entry, or array of up to three', default: '`pipe`', from: ['pty'], normal: toJoints },
  /**
   * Sockets that the program gets as from systemd: from descriptor 3 on, with LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES
   * (sd_listen_fds(3)). They must stay open until the promise is settled.
   */
  listenFds: { type: 'array of `{fd, name?}`', default: '`[]`', normal: toListenSockets },
  /** Ends the program with `killSignal` this many milliseconds after the request; 0 or undefined: never. */
  timeoutMs: { type: 'milliseconds, at most 2^31-1', default: 'none', from: ['time'], normal: toTimeout },
  /** Ends the program with `killSignal` when it is aborted. */
  signal: { type: 'AbortSignal', default: 'none', normal: toSignal },
  /**
   * Sends SIGKILL this many milliseconds after a `killSignal` that has not ended the program. Default: 5000 after timeout, abort
   * and disposal, and never after `kill()`.
   */
  forceKillAfterMs: {
    type: 'milliseconds, at most 2^31-1',
    default: '5000 after timeout, abort and disposal; none after `kill()`',
    normal: toMilliseconds,
  },
  /**
   * A process group of its own, so that timeout, abort and disposal also end the programs that it has started. Default: true,
   * unless one of its descriptors 0 to 2 is a terminal: then it stays in the caller's group, for job control.
   */
  newGroup: {
    type: 'boolean',
    default: 'true, unless one of the descriptors 0 to 2 is a terminal',
    normal: maybe,
  },
  /**
   * Asks the service about connections that no entry of `connectTo` allows: `true` allows one. Each name and port is asked about once.
   * An error, and no answer within 30 seconds, are a denial.
   */
  onConnect: {
    type: '`({name?, address?, port}) =>` boolean or a promise of it',
    default: 'none',
    normal: toOnConnect,
  },
  /** Whether the rest of its own group goes on when the program has ended by itself. Default: the rest gets SIGKILL. */
  leaveDescendants: { type: 'boolean', default: 'false', normal: flag },
} as const satisfies Rows;

type Table = typeof spawnRows;

/** A LaunchRequest for a program that runs beside this one. */
export interface SpawnRequest<Wanted extends Stdio = Stdio>
  extends LaunchRequest, Partial<Omit<GivenOf<Table>, 'stdio'>> {
  /** Default: `pipe` for all three. Descriptors and streams must stay open until the promise is settled. */
  readonly stdio?: Wanted | undefined;
}

/** A request whose type tells whether the program gets a pseudo-terminal. */
export interface WithPty<Pty> {
  readonly pty?: Pty;
}

/** The normal form of what a SpawnRequest adds to a LaunchRequest. */
export interface SpawnOptions
  extends Omit<NormalOf<Table>, 'stdio' | 'newGroup'>, Pick<NormalRequest, 'killSignal'> {
  readonly stdio: StdioTriple;
  readonly streams: Descriptors['streams'];
  readonly newGroup: boolean;
  /** When the request was made, or left the queue of `concurrency`, by performance.now(). */
  readonly requestedAt: number;
}

const hasTerminal = (triple: StdioTriple): boolean => triple.some((fd) => isatty(fd));

/** The part of a normal form that is not a launch's own. */
export function spawnOptionsOf<Own extends NormalOf<Table>>(
  { stdio: { triple, streams }, newGroup, ...own }: Own,
  { killSignal }: Pick<NormalRequest, 'killSignal'>,
): Omit<Own, 'stdio' | 'newGroup'> & SpawnOptions {
  return {
    ...own,
    stdio: triple,
    streams,
    killSignal,
    newGroup: newGroup ?? !hasTerminal(triple),
    requestedAt: performance.now(),
  };
}

/**
 * The options of one start of a request that was checked before.
 *
 * @param kept the options of the request
 * @param given the request
 * @param own keys for this start only
 * @throws UsageError
 */
export function startOptions(
  kept: SpawnOptions,
  given: Pick<SpawnRequest, 'stdio' | 'newGroup' | 'pty' | 'time'>,
  own: Pick<SpawnRequest, 'stdio' | 'timeoutMs' | 'signal'>,
  joint: typeof spawnRows.stdio.normal,
): SpawnOptions {
  return reading(() => {
    const { timeoutMs, signal } = own;
    // a stream may have been closed since then, or have been read
    const { triple, streams } = joint(own.stdio ?? given.stdio, 'stdio', given);
    return {
      ...kept,
      stdio: triple,
      streams,
      ...(timeoutMs !== undefined && { timeoutMs: toTimeout(timeoutMs, 'timeoutMs', given) }),
      ...(signal !== undefined && { signal: toSignal(signal) }),
      newGroup: given.newGroup ?? !hasTerminal(triple),
      requestedAt: performance.now(),
    };
  });
}

const normalizeAll = normalizer(spawnRows);

/** Checks a SpawnRequest. @throws UsageError */
export function normalizeSpawn(request: SpawnRequest): readonly [NormalRequest, SpawnOptions] {
  const [normal, own] = normalizeAll(request);
  return [normal, spawnOptionsOf(own, normal)];
}
