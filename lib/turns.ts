// No more than a few at a time, and of those one asker has no more than a share: who comes later waits.

/** How many there are. */
export interface TurnLimits {
  /** Turns that are taken at a time. */
  readonly most: number;
  /** Of these, by one asker; `most` by default. */
  readonly share?: number;
  /** How many may wait for one asker; any number by default. */
  readonly waiting?: number;
}

/** Gives up a place in the queue. Nothing happens where the turn has come already. */
type Leave = () => void;

/** Turns that are taken and given back; each asker has a name. */
export class Turns {
  readonly #share: number;
  readonly #mostWaiting: number;
  readonly #taken = new Map<string, number>();
  // the asker whose turn was longest ago comes first
  readonly #queues = new Map<string, Set<() => void>>();
  #free: number;

  constructor({ most, share = most, waiting = Infinity }: TurnLimits) {
    this.#free = most;
    this.#share = share;
    this.#mostWaiting = waiting;
  }

  /** Calls `begin` when there is a turn, at once if there is one; undefined if too many wait for this asker. */
  enter(asker: string, begin: () => void): Leave | undefined {
    const queue = this.#queues.get(asker) ?? new Set();
    if (queue.size >= this.#mostWaiting && !this.#hasTurn(asker)) return undefined;
    queue.add(begin);
    this.#queues.set(asker, queue);
    this.#callNext();
    return () => this.#remove(asker, begin);
  }

  /** Whether there was a turn within the time; who got one gives it back. */
  take(timeoutMs: number, asker = ''): Promise<boolean> {
    return new Promise((done) => {
      const timer = setTimeout(() => {
        leave?.();
        done(false);
      }, timeoutMs);
      const end = (hasTurn: boolean): void => {
        clearTimeout(timer);
        done(hasTurn);
      };
      const leave = this.enter(asker, () => end(true));
      if (leave === undefined) end(false);
    });
  }

  /** For the next one who waits. */
  give(asker = ''): void {
    const taken = (this.#taken.get(asker) ?? 0) - 1;
    if (taken > 0) this.#taken.set(asker, taken);
    else this.#taken.delete(asker);
    this.#free++;
    this.#callNext();
  }

  #hasTurn(asker: string): boolean {
    return this.#free > 0 && (this.#taken.get(asker) ?? 0) < this.#share;
  }

  #callNext(): void {
    for (const [asker, [begin]] of this.#queues) {
      if (this.#free === 0) return;
      if (begin === undefined || !this.#hasTurn(asker)) continue;
      this.#free--;
      this.#taken.set(asker, (this.#taken.get(asker) ?? 0) + 1);
      this.#remove(asker, begin);
      const queue = this.#queues.get(asker);
      // behind the others
      this.#queues.delete(asker);
      if (queue !== undefined) this.#queues.set(asker, queue);
      begin();
      return;
    }
  }

  #remove(asker: string, begin: () => void): void {
    const queue = this.#queues.get(asker);
    queue?.delete(begin);
    if (queue?.size === 0) this.#queues.delete(asker);
  }
}
