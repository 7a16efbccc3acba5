// The place of a connection among those of its service, while the rules decide about it.
import type { StartCounter, Waiting } from './start-limits.ts';

interface PlaceEvents {
  /** A place among those that run may be free now. */
  readonly onFree: () => void;
  /** The client has lost its waiting place, and must be refused. */
  readonly onLost: () => void;
}

export class WaitingPlace implements Waiting {
  readonly source: string;
  readonly #counter: StartCounter;
  readonly #events: PlaceEvents;
  #isParked = false;
  #hasWaited = false;
  #isLost = false;
  #begin: (() => void) | undefined;

  constructor(counter: StartCounter, source: string, events: PlaceEvents) {
    this.#counter = counter;
    this.source = source;
    this.#events = events;
  }

  /** Whether the client has lost its place and is refused already. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Gives the place to others: a look-up or a command follows, which can take long. */
  readonly give = (): void => {
    this.#hasWaited = true;
    if (this.#isParked || this.#isLost) return;
    this.#isParked = this.#counter.park(this);
    if (this.#isParked) this.#events.onFree();
  };

  close(): void {
    this.#isLost = true;
    this.#events.onLost();
    this.#begin?.();
  }

  /** The client is let in: takes a place again, when it has its turn. @returns whether time has passed since it came */
  async take(): Promise<boolean> {
    if (this.#isParked)
      await new Promise<void>((begin) => {
        this.#begin = begin;
        this.#counter.awaitTurn(this, begin);
        this.#events.onFree();
      });
    this.#isParked = false;
    return this.#hasWaited;
  }

  /** The client is not let in. */
  leaveRefused(): void {
    this.#counter.leaveRefused(this.source, this.#isParked ? this : undefined);
  }
}
