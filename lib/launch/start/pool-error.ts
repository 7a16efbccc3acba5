// The error of a pool.

/** A pool could not take a request, or its program answered with an error. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
  readonly code: 'ERR_BUSY' | 'ERR_CLOSED' | 'ERR_ANSWER';
  /** What to do about it, in one sentence. */
  readonly hint: string | undefined;

  constructor(message: string, code: PoolError['code'], hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
