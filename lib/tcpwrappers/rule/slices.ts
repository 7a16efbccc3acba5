// Long work in slices: whoever does it may do something else in between.

/** Stops every now and then, after a millisecond at most on a slow machine. */
export type Slices<Result> = Generator<undefined, Result>;

/** How much is done in a slice: lines, words or rules. */
export const SLICE = 64;

/** Work to its end, without a pause. */
export function complete<Result>(work: Slices<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
