// No more than a few at a time: who comes later waits, and goes away when that takes too long.

/** Turns that are taken and given back. */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #free: number;

  /** `most` at a time. */
  constructor(most: number) {
    this.#free = most;
  }

  /** Whether there was a turn within the time; who got one gives it back. */
  async take(timeoutMs: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    return new Promise((done) => {
      const begin = (): void => {
        clearTimeout(timer);
        done(true);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(begin);
        done(false);
      }, timeoutMs);
      this.#waiting.add(begin);
    });
  }

  /** For the next one who waits. */
  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
