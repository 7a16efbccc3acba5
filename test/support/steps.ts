// For tests of functions that compute in steps.

import type { Steps } from '../../lib/jail/work/steps.ts';

/** Runs all steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
