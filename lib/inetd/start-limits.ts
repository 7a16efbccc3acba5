// How many connections a service may have, and how fast it may start programs. Pure: the caller tells the time.

/** The limits of a service; undefined is no limit. */
export interface StartLimits {
  /** Connections at once. */
  readonly instances: number;
  /** Connections at once from one source. */
  readonly perSource: number | undefined;
  readonly rate: Rate | undefined;
  /** The same for each source. */
  readonly sourceRate: Rate | undefined;
}

/** Programs that may start in a time, and how many at once after a pause. */
export interface Rate {
  readonly count: number;
  readonly periodMs: number;
  readonly burst: number;
}

/** Why a connection is closed. */
export type LimitReason = 'per-source' | 'source-rate';

// The theoretical arrival time of a leaky bucket (GCRA, ITU-T I.371): one number holds a rate and its burst.
function waitOf(arrivalMs: number, { count, periodMs, burst }: Rate, nowMs: number): number {
  return Math.max(0, arrivalMs - ((burst - 1) * periodMs) / count - nowMs);
}

function take(arrivalMs: number, { count, periodMs }: Rate, nowMs: number): number {
  return Math.max(arrivalMs, nowMs) + periodMs / count;
}

/** A program that ends this soon without success has crashed at once. */
export const AT_ONCE_MS = 1000;
/** Crashes in a row before starts are slowed down. */
const PATIENCE = 3;
/** If so many sources have crashes in a row, the program is at fault. With fewer, a client may have made it crash. */
const MANY_SOURCES = 3;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** The most sources whose rates are kept before old ones are forgotten, and the most sources whose crashes are kept. */
const MOST_SOURCES = 4096;

/** How long to accept nothing when descriptors or memory are short. */
const SHORTAGE_MS = 100;

const pauseAfter = (crashes: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (crashes - PATIENCE));

/** The crashes in a row of one source. */
interface Crasher {
  crashes: number;
  notBeforeMs: number;
}

/** The source of a connection; undefined if the program gets the listening sockets and so serves all clients. */
type Source = string | undefined;

const isSameRate = (one: Rate | undefined, other: Rate | undefined): boolean =>
  one?.count === other?.count && one?.periodMs === other?.periodMs && one?.burst === other?.burst;

/** Counts the connections of one service. Each is entered, and left once: as refused, or as ended. */
export class StartCounter {
  #limits: StartLimits;
  #live = 0;
  readonly #sources = new Map<Source, number>();
  #arrivalMs = 0;
  readonly #arrivals = new Map<Source, number>();
  /** At this number of sources, those that need not wait any more are forgotten. */
  #most = MOST_SOURCES;
  #crashes = 0;
  /** The sources of the crashes, up to a limit. */
  readonly #row = new Set<Source>();
  #notBeforeMs = 0;
  #shortUntilMs = 0;
  readonly #crashers = new Map<Source, Crasher>();

  constructor(limits: StartLimits) {
    this.#limits = limits;
  }

  /** New limits for the same connections. If a rate has changed, earlier starts do not count for it. */
  set limits(limits: StartLimits) {
    if (!isSameRate(limits.rate, this.#limits.rate)) this.#arrivalMs = 0;
    if (!isSameRate(limits.sourceRate, this.#limits.sourceRate)) this.#arrivals.clear();
    this.#limits = limits;
  }

  get live(): number {
    return this.#live;
  }

  /** Crashes in a row. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Whether one more crash would slow down the service, or the clients of this source. */
  isSuspicious(source: string): boolean {
    return Math.max(this.#crashes, this.#crashers.get(source)?.crashes ?? 0) >= PATIENCE - 1;
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
    const { perSource, rate, sourceRate } = this.#limits;
    const live = this.#sources.get(source) ?? 0;
    if (perSource !== undefined && live >= perSource) return 'per-source';
    if (sourceRate !== undefined) {
      const arrivalMs = this.#arrivals.get(source) ?? 0;
      if (waitOf(arrivalMs, sourceRate, nowMs) > 0) return 'source-rate';
      if (this.#arrivals.size >= this.#most) this.#forgetIdle(nowMs);
      this.#arrivals.set(source, take(arrivalMs, sourceRate, nowMs));
    }
    if (rate !== undefined) this.#arrivalMs = take(this.#arrivalMs, rate, nowMs);
    // One at a time: otherwise every waiting client would start a program that crashes.
    this.#pause(nowMs);
    this.#sources.set(source, live + 1);
    this.#live++;
    return undefined;
  }

  /** How long a connection of this source must wait for its start; 0 if it may start now. */
  turnMs(source: string, nowMs: number): number {
    const crasher = this.#crashers.get(source);
    if (crasher === undefined || crasher.crashes < PATIENCE) return 0;
    const waitMs = crasher.notBeforeMs - nowMs;
    if (waitMs > 0) return waitMs;
    // one at a time, as in enter()
    crasher.notBeforeMs = nowMs + pauseAfter(crasher.crashes);
    return 0;
  }

  /** The rules refuse the connection: it counts for no rate. */
  leaveRefused(source: string): void {
    const { rate, sourceRate } = this.#limits;
    if (rate !== undefined) this.#arrivalMs -= rate.periodMs / rate.count;
    const arrivalMs = this.#arrivals.get(source);
    if (sourceRate !== undefined && arrivalMs !== undefined)
      this.#arrivals.set(source, arrivalMs - sourceRate.periodMs / sourceRate.count);
    this.#giveTurnBack(source);
    this.#leave(source);
  }

  /** The program has failed because its client has gone: this says nothing about the program. */
  leaveForsaken(source: string): void {
    this.#giveTurnBack(source);
    this.#leave(source);
  }

  /** The program of the connection has ended, or could not be started. */
  leaveEnded(source: Source, isSuccess: boolean, durationMs: number, nowMs: number): void {
    this.#leave(source);
    if (isSuccess) {
      this.#crashes = 0;
      this.#row.clear();
      this.#notBeforeMs = 0;
      this.#crashers.delete(source);
    } else if (durationMs < AT_ONCE_MS) {
      this.#crashes++;
      if (this.#row.size < MANY_SOURCES) this.#row.add(source);
      this.#pause(nowMs);
      this.#countCrash(source, nowMs);
    }
  }

  // A client that can make the program fail must not slow down others: only the crashes of many sources do.
  #pause(nowMs: number): void {
    const isCommon = this.#row.size >= MANY_SOURCES || this.#row.has(undefined);
    if (isCommon && this.#crashes >= PATIENCE) this.#notBeforeMs = nowMs + pauseAfter(this.#crashes);
  }

  #countCrash(source: Source, nowMs: number): void {
    const crashes = (this.#crashers.get(source)?.crashes ?? 0) + 1;
    // the one that has not crashed for longest is the first
    this.#crashers.delete(source);
    const [oldest] = this.#crashers.keys();
    if (this.#crashers.size >= MOST_SOURCES) this.#crashers.delete(oldest);
    this.#crashers.set(source, { crashes, notBeforeMs: nowMs + pauseAfter(crashes) });
  }

  // Another client may start the program at once.
  #giveTurnBack(source: string): void {
    this.#notBeforeMs = 0;
    const crasher = this.#crashers.get(source);
    if (crasher !== undefined) crasher.notBeforeMs = 0;
  }

  #leave(source: Source): void {
    this.#live--;
    const live = (this.#sources.get(source) ?? 0) - 1;
    if (live > 0) this.#sources.set(source, live);
    else this.#sources.delete(source);
  }

  // Not at each connection: in a flood from many sources, there may be no source that can be forgotten.
  #forgetIdle(nowMs: number): void {
    for (const [source, arrivalMs] of this.#arrivals) if (arrivalMs <= nowMs) this.#arrivals.delete(source);
    this.#most = Math.max(MOST_SOURCES, 2 * this.#arrivals.size);
  }
}
