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
  /** No pauses after launches that have failed. */
  readonly noPause: boolean;
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

/** Launches in a row that may fail for one cause before there are pauses. */
const PATIENCE = 3;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** The most sources whose rates are kept before old ones are forgotten. */
const MOST_SOURCES = 4096;

/** How long to accept nothing when descriptors or memory are short. */
const SHORTAGE_MS = 100;

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
    // One at a time: otherwise every waiting client would try a launch that fails.
    this.#pause(nowMs);
    this.#sources.set(source, live + 1);
    this.#live++;
    return undefined;
  }

  /** The rules refuse the connection: it counts for no rate. */
  leaveRefused(source: Source): void {
    const { rate, sourceRate } = this.#limits;
    if (rate !== undefined) this.#arrivalMs -= rate.periodMs / rate.count;
    const arrivalMs = this.#arrivals.get(source);
    if (sourceRate !== undefined && arrivalMs !== undefined)
      this.#arrivals.set(source, arrivalMs - sourceRate.periodMs / sourceRate.count);
    // another client may try at once
    this.#notBeforeMs = 0;
    this.#leave(source);
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
