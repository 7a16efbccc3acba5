// Answers that count for some seconds: who asks again and again is answered without a look-up.

/** How long an answer counts, whatever it is. */
const KEPT_MS = 5000;

/** Answers by what was asked about. */
export class Kept<Value> {
  readonly #most: number;
  // the newest last
  readonly #answers = new Map<string, { readonly value: Value; readonly since: number }>();

  /** At most so many; the oldest go first. */
  constructor(most: number) {
    this.#most = most;
  }

  keep(subject: string, value: Value): void {
    const now = performance.now();
    this.#answers.delete(subject);
    this.#answers.set(subject, { value, since: now });
    for (const [oldest, { since }] of this.#answers) {
      if (this.#answers.size <= this.#most && now - since < KEPT_MS) return;
      this.#answers.delete(oldest);
    }
  }

  /** Undefined if there is none that counts. */
  recall(subject: string): Value | undefined {
    const found = this.#answers.get(subject);
    return found !== undefined && performance.now() - found.since < KEPT_MS ? found.value : undefined;
  }
}
