// How many connections a service may have, and how fast it may start programs. Pure: the caller tells the time.
import { remember } from '../values/remember.ts';

/** The limits of a service; undefined is no limit. */
export interface StartLimits {
  /** Connections at once. */
  readonly instances: number;
  /** Connections at once from one source. */
  readonly perSource: number | undefined;
  readonly rate: Rate | undefined;
  /** The same for each source. */
  readonly sourceRate: Rate | undefined;
  /** No pauses after launches that have failed. */
  readonly noPause: boolean;
}

/** Programs that may start in a time, and how many at once after a pause. */
export interface Rate {
  readonly count: number;
  readonly periodMs: number;
  readonly burst: number;
}

/** Why a connection is closed. `undecided`: no waiting place is left for its source. */
export type LimitReason = 'per-source' | 'source-rate' | 'undecided';

// The theoretical arrival time of a leaky bucket (GCRA, ITU-T I.371): one number holds a rate and its burst.
function waitOf(arrivalMs: number, { count, periodMs, burst }: Rate, nowMs: number): number {
  return Math.max(0, arrivalMs - ((burst - 1) * periodMs) / count - nowMs);
}

function take(arrivalMs: number, { count, periodMs }: Rate, nowMs: number): number {
  return Math.max(arrivalMs, nowMs) + periodMs / count;
}

/** Launches in a row that may fail for one cause before there are pauses. */
const PATIENCE = 3;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** The most sources whose rates are kept before old ones are forgotten. */
const MOST_SOURCES = 4096;

/** The most clients that wait for the rules, that is for a look-up or for a command. */
const MOST_WAITING = 1024;

/** How long to accept nothing when descriptors or memory are short. */
const SHORTAGE_MS = 100;

/** The source of a connection; undefined if the program gets the listening sockets and so serves all clients. */
type Source = string | undefined;

const isSameRate = (one: Rate | undefined, other: Rate | undefined): boolean =>
  one?.count === other?.count && one?.periodMs === other?.periodMs && one?.burst === other?.burst;

function decrease(counts: Map<Source, number>, source: Source): void {
  const count = (counts.get(source) ?? 0) - 1;
  if (count > 0) counts.set(source, count);
  else counts.delete(source);
}

/** A client that waits for the rules, and then for a place among those that run. */
export interface Waiting {
  readonly source: Source;
  /** Closes the connection, and leaves as refused. */
  close(): void;
}

/**
 * Counts the connections of one service. Each is entered, and left once: as refused, as failed, or as ended. In between it can be parked:
 * then it waits, and takes no place of those that run.
 */
export class StartCounter {
  #limits: StartLimits;
  #live = 0;
  readonly #sources = new Map<Source, number>();
  readonly #waiting = new Map<Source, Set<Waiting>>();
  #allWaiting = 0;
  /** Those that the rules have let in, in this order, with what begins their program. */
  readonly #turns = new Map<Waiting, () => void>();
  #arrivalMs = 0;
  readonly #arrivals = new Map<Source, number>();
  /** At this number of sources, those that need not wait any more are forgotten. */
  #most = MOST_SOURCES;
  /** Launches in a row that have failed for the same cause. */
  #failures = 0;
  #cause: string | undefined;
  #notBeforeMs = 0;
  #shortUntilMs = 0;

  constructor(limits: StartLimits) {
    this.#limits = limits;
  }

  /** New limits for the same connections. If a rate has changed, earlier starts do not count for it. */
  set limits(limits: StartLimits) {
    if (!isSameRate(limits.rate, this.#limits.rate)) this.#arrivalMs = 0;
    if (!isSameRate(limits.sourceRate, this.#limits.sourceRate)) this.#arrivals.clear();
    if (limits.noPause) this.#notBeforeMs = 0;
    this.#limits = limits;
  }

  get live(): number {
    return this.#live;
  }

  /** Whether a parked client waits for its turn. */
  get hasTurns(): boolean {
    return this.#turns.size > 0;
  }

  /** Launches in a row that have failed for the same cause. */
  get failures(): number {
    return this.#failures;
  }

  /** How long to accept no connection. 0: accept now. Infinity: wait until a connection has ended. */
  waitMs(nowMs: number): number {
    const { instances, rate } = this.#limits;
    if (this.#live >= instances) return Infinity;
    const pauseMs = Math.max(0, this.#notBeforeMs - nowMs, this.#shortUntilMs - nowMs);
    return rate === undefined ? pauseMs : Math.max(pauseMs, waitOf(this.#arrivalMs, rate, nowMs));
  }

  /** Descriptors or memory are short: accept nothing for a moment. @returns false if such a moment is not over yet */
  pauseShort(nowMs: number): boolean {
    const isNew = nowMs >= this.#shortUntilMs;
    this.#shortUntilMs = nowMs + SHORTAGE_MS;
    return isNew;
  }

  /** A connection from a source. It is not entered if a reason is returned. */
  enter(source: Source, nowMs: number): LimitReason | undefined {
    const { perSource, sourceRate } = this.#limits;
    const live = this.#sources.get(source) ?? 0;
    if (perSource !== undefined && live >= perSource) return 'per-source';
    if (sourceRate !== undefined) {
      const arrivalMs = this.#arrivals.get(source) ?? 0;
      if (waitOf(arrivalMs, sourceRate, nowMs) > 0) return 'source-rate';
      if (this.#arrivals.size >= this.#most) this.#forgetIdle(nowMs);
      this.#arrivals.set(source, take(arrivalMs, sourceRate, nowMs));
    }
    this.#takePlace(nowMs);
    this.#sources.set(source, live + 1);
    return undefined;
  }

  #takePlace(nowMs: number): void {
    const { rate } = this.#limits;
    if (rate !== undefined) this.#arrivalMs = take(this.#arrivalMs, rate, nowMs);
    // One at a time: otherwise every waiting client would try a launch that fails.
    this.#pause(nowMs);
    this.#live++;
  }

  // No program starts in this place, so that another client may start one at once.
  #givePlaceBack(): void {
    const { rate } = this.#limits;
    if (rate !== undefined) this.#arrivalMs -= rate.periodMs / rate.count;
    this.#notBeforeMs = 0;
    this.#live--;
  }

  /**
   * The connection waits for the rules. A source may have all waiting places that are free. If none is free, the newest client of the source
   * with the most is closed for a source with fewer (longest queue drop).
   *
   * @returns false if it does not wait: it is closed, or it keeps its place among those that run, as the first of its source
   */
  park(client: Waiting): boolean {
    if (this.#allWaiting >= MOST_WAITING && !this.#makeRoom(client)) return false;
    this.#givePlaceBack();
    this.#allWaiting++;
    remember(this.#waiting, client.source, () => new Set<Waiting>()).add(client);
    return true;
  }

  #makeRoom(client: Waiting): boolean {
    const own = this.#waiting.get(client.source)?.size ?? 0;
    let most: ReadonlySet<Waiting> = new Set();
    for (const clients of this.#waiting.values()) if (clients.size > most.size) most = clients;
    // a source with one less would only change places with it
    const hasRoom = most.size > own + 1;
    if (hasRoom) [...most].at(-1)?.close();
    else if (own > 0) client.close();
    return hasRoom;
  }

  #unpark(client: Waiting): void {
    this.#turns.delete(client);
    this.#allWaiting--;
    const clients = this.#waiting.get(client.source);
    clients?.delete(client);
    if (clients?.size === 0) this.#waiting.delete(client.source);
  }

  /** The rules let a parked client in. `begin` is for takeTurn(). */
  awaitTurn(client: Waiting, begin: () => void): void {
    this.#turns.set(client, begin);
  }

  /** Enters the parked client that has waited longest for its turn, if there is a place: call the result. */
  takeTurn(nowMs: number): (() => void) | undefined {
    if (this.waitMs(nowMs) > 0) return undefined;
    for (const [client, begin] of this.#turns) {
      this.#unpark(client);
      this.#takePlace(nowMs);
      return begin;
    }
    return undefined;
  }

  /** No program is started for the connection: it counts for no rate. @param parked set if it is parked */
  leaveRefused(source: Source, parked?: Waiting): void {
    const { sourceRate } = this.#limits;
    const arrivalMs = this.#arrivals.get(source);
    if (sourceRate !== undefined && arrivalMs !== undefined)
      this.#arrivals.set(source, arrivalMs - sourceRate.periodMs / sourceRate.count);
    if (parked !== undefined) this.#unpark(parked);
    else this.#givePlaceBack();
    decrease(this.#sources, source);
  }

  /** The program runs. How it ends says nothing about the next launch: a client may have made it fail. */
  started(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  /** The program of the connection has ended. */
  leaveEnded(source: Source): void {
    this.#leave(source);
  }

  /** The program was not executed, for a cause that is the same for all clients. */
  leaveFailed(source: Source, cause: string, nowMs: number): void {
    // another cause: somebody has changed something
    this.#failures = cause === this.#cause ? this.#failures + 1 : 1;
    this.#cause = cause;
    this.#notBeforeMs = 0;
    this.#pause(nowMs);
    this.#leave(source);
  }

  #pause(nowMs: number): void {
    if (this.#limits.noPause || this.#failures < PATIENCE) return;
    const pauseMs = FIRST_PAUSE_MS * 2 ** (this.#failures - PATIENCE);
    this.#notBeforeMs = nowMs + Math.min(LONGEST_PAUSE_MS, pauseMs);
  }

  #leave(source: Source): void {
    this.#live--;
    decrease(this.#sources, source);
  }

  // Not at each connection: in a flood from many sources, there may be no source that can be forgotten.
  #forgetIdle(nowMs: number): void {
    for (const [source, arrivalMs] of this.#arrivals) if (arrivalMs <= nowMs) this.#arrivals.delete(source);
    this.#most = Math.max(MOST_SOURCES, 2 * this.#arrivals.size);
  }
}
