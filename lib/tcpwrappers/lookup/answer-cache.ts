// Answers of look-ups, kept for some seconds.

/** How long an answer is kept, also a negative one. */
const KEPT_MS = 5000;

export class AnswerCache<Value> {
  readonly #most: number;
  // the newest is last
  readonly #answers = new Map<string, { readonly value: Value; readonly since: number }>();

  /** Keeps at most this many answers; the oldest go first. */
  constructor(most: number) {
    this.#most = most;
  }

  set(subject: string, value: Value): void {
    this.#answers.delete(subject);
    this.#answers.set(subject, { value, since: performance.now() });
    for (const oldest of this.#answers.keys())
      if (this.#answers.size > this.#most) this.#answers.delete(oldest);
      else return;
  }

  /** Undefined if there is no answer, or it is too old. */
  get(subject: string): Value | undefined {
    const found = this.#answers.get(subject);
    return found !== undefined && performance.now() - found.since < KEPT_MS ? found.value : undefined;
  }
}
