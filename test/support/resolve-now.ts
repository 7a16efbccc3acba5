// Decisions without look-ups of the host.
import type { Found, Need, Work } from '../../lib/tcpwrappers/connection/need.ts';

/** Runs work to its end with answers that are available at once. */
export function resolveNow<Result>(work: Work<Result>, look: (need: Need) => Found): Result {
  let step = work.next();
  while (step.done !== true) step = work.next(look(step.value));
  return step.value;
}
