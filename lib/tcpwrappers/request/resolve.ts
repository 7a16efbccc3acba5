// Carries out work that needs look-ups, with whoever can make them.

import type { Found, Need, Work } from './answer.ts';

/** Work to its end, with answers that are at hand. */
export function resolveNow<Result>(work: Work<Result>, look: (need: Need) => Found): Result {
  let step = work.next();
  while (step.done !== true) step = work.next(look(step.value));
  return step.value;
}

/** Work to its end, which may have stopped at `need` already; a look-up that fails rejects. */
export async function resolve<Result>(
  work: Work<Result>,
  look: (need: Need) => Found | Promise<Found>,
  need?: Need,
): Promise<Result> {
  let step = need === undefined ? work.next() : work.next(await look(need));
  while (step.done !== true) step = work.next(await look(step.value));
  return step.value;
}
