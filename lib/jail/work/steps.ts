// Long work that computes and waits for nothing, in steps: a service goes on serving, and an abort is heard, between them.

import { setImmediate } from 'node:timers/promises';

import { throwIfAborted } from './failure.ts';

/** Each `yield` is a place where the work can pause. */
export type Steps<T> = Generator<undefined, T, undefined>;

const TURN_MS = 10;

/** Goes through all steps, and lets others have their turn every 10 ms. @throws AbortError; what the steps throw */
export async function gradually<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  for (let since = performance.now(); ;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < TURN_MS) continue;
    await setImmediate();
    throwIfAborted(signal);
    since = performance.now();
  }
}
