// Long work in slices: the caller can serve others in between.

/** Yields at least once a millisecond on a slow machine. */
export type Slices<Result> = Generator<undefined, Result>;

/** Lines, words or rules in one slice. */
const SLICE = 64;

/** Whether a slice ends at the line, word or rule with this number: the work yields there. */
export function endsSlice(number: number): boolean {
  return number % SLICE === 0;
}

/** Runs the work to its end without a pause. */
export function complete<Result>(work: Slices<Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
