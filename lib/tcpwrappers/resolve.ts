// Carries out work that needs look-ups, with whoever can make them.

import type { Found, Need, Work } from './answer.ts';

/** Work to its end, with answers that are at hand. */
export function resolveNow<Result>(work: Work<Result>, look: (need: Need) => Found): Result {
  let step = work.next();
  while (step.done !== true) step = work.next(look(step.value));
  return step.value;
}

/** Work, which has stopped at `need`, to its end; a look-up that fails rejects. */
export async function resolve<Result>(
  work: Work<Result>,
  need: Need,
  look: (need: Need) => Found | Promise<Found>,
): Promise<Result> {
  let step = work.next(await look(need));
  while (step.done !== true) step = work.next(await look(step.value));
  return step.value;
}
