// A semaphore with a time limit for waiters. One caller gets at most its share of the permits.

interface SemaphoreLimits {
  readonly most: number;
  /** Permits of one caller; `most` by default. */
  readonly share?: number;
  /** Waiters of one caller; any number by default. */
  readonly waiting?: number;
}

/** Permits are acquired and released; each caller has a name. */
export class Semaphore {
  readonly #share: number;
  readonly #mostWaiting: number;
  readonly #taken = new Map<string, number>();
  // the caller that was served longest ago comes first
  readonly #queues = new Map<string, Set<() => void>>();
  #free: number;

  constructor({ most, share = most, waiting = Infinity }: SemaphoreLimits) {
    this.#free = most;
    this.#share = share;
    this.#mostWaiting = waiting;
  }

  /**
   * Calls `begin` with a permit, at once if one is free. Returns a function that leaves the queue, or undefined if too
   * many of this caller wait already.
   */
  enter(caller: string, begin: () => void): (() => void) | undefined {
    const queue = this.#queues.get(caller) ?? new Set();
    if (queue.size >= this.#mostWaiting && !this.#hasPermit(caller)) return undefined;
    queue.add(begin);
    this.#queues.set(caller, queue);
    this.#serveNext();
    return () => this.#remove(caller, begin);
  }

  /** Resolves to true with a permit, which must be released, or to false when the time is over. */
  acquire(timeoutMs: number, caller = ''): Promise<boolean> {
    return new Promise((done) => {
      const timer = setTimeout(() => {
        leave?.();
        done(false);
      }, timeoutMs);
      const end = (isAcquired: boolean): void => {
        clearTimeout(timer);
        done(isAcquired);
      };
      const leave = this.enter(caller, () => end(true));
      if (leave === undefined) end(false);
    });
  }

  release(caller = ''): void {
    const taken = (this.#taken.get(caller) ?? 0) - 1;
    if (taken > 0) this.#taken.set(caller, taken);
    else this.#taken.delete(caller);
    this.#free++;
    this.#serveNext();
  }

  #hasPermit(caller: string): boolean {
    return this.#free > 0 && (this.#taken.get(caller) ?? 0) < this.#share;
  }

  #serveNext(): void {
    for (const [caller, [begin]] of this.#queues) {
      if (this.#free === 0) return;
      if (begin === undefined || !this.#hasPermit(caller)) continue;
      this.#free--;
      this.#taken.set(caller, (this.#taken.get(caller) ?? 0) + 1);
      this.#remove(caller, begin);
      const queue = this.#queues.get(caller);
      // this caller goes behind the others
      this.#queues.delete(caller);
      if (queue !== undefined) this.#queues.set(caller, queue);
      begin();
      return;
    }
  }

  #remove(caller: string, begin: () => void): void {
    const queue = this.#queues.get(caller);
    queue?.delete(begin);
    if (queue?.size === 0) this.#queues.delete(caller);
  }
}
