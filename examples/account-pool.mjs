// Numeric ids without an account, one for each job that runs: two jobs at a time never have the same user, so neither can signal,
// trace or read the other, whatever else goes wrong.

export class AccountPool {
  #free;
  #waiting = [];

  /** The ids from `first` on, `count` of them. Nobody else on the host may use them: see login.defs(5), SYS_UID_MAX and SUB_UID_MIN. */
  constructor(first, count) {
    this.#free = Array.from({ length: count }, (_, index) => first + index);
  }

  /** How many wait for an id. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Runs `work` with an id of its own, and waits until one is free. */
  async with(work) {
    const id = this.#free.pop() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(id);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(id);
      else this.#free.push(id);
    }
  }
}
