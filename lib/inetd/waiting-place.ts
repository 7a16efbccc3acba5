// The place of a connection among those of its service, while the rules decide about it.
import type { StartCounter } from './start-limits.ts';

export class WaitingPlace {
  readonly #counter: StartCounter;
  readonly #source: string;
  readonly #heed: () => void;
  #isParked = false;
  #hasWaited = false;

  /** @param heed looks whether another program may start */
  constructor(counter: StartCounter, source: string, heed: () => void) {
    this.#counter = counter;
    this.#source = source;
    this.#heed = heed;
  }

  /** Gives the place to others: a look-up or a command follows, which can take long. */
  readonly give = (): void => {
    this.#hasWaited = true;
    if (this.#isParked) return;
    this.#isParked = this.#counter.park(this.#source);
    if (this.#isParked) this.#heed();
  };

  /** The client is let in: takes a place again, when it has its turn. @returns whether time has passed since it came */
  async take(): Promise<boolean> {
    if (this.#isParked)
      await new Promise<void>((begin) => {
        this.#counter.awaitTurn(this.#source, begin);
        this.#heed();
      });
    this.#isParked = false;
    return this.#hasWaited;
  }

  /** The client is not let in. */
  leaveRefused(): void {
    this.#counter.leaveRefused(this.#source, this.#isParked);
  }
}
