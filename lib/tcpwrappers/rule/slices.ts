// Long work in slices: the caller can serve others in between.

/** Yields at least once a millisecond on a slow machine. */
export type Slices<Result> = Generator<undefined, Result>;

/** Lines, words or rules in one slice. */
export const SLICE = 64;

/** Runs the work to its end without a pause. */
export function complete<Result>(work: Slices<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
