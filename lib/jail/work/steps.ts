// Long work that computes and waits for nothing, in steps: a service goes on serving, and an abort is heard, between them.

import { setImmediate } from 'node:timers/promises';

import { throwIfAborted } from './failure.ts';

/** Each `yield` is a place where the work can pause. */
export type Steps<T> = Generator<undefined, T, undefined>;

const TURN_MS = 10;

/** Lets others have their turn, if 10 ms have passed since they had it. */
export type Turns = () => Promise<void> | undefined;

export function openTurns(): Turns {
  let since = performance.now();
  return () => (performance.now() - since < TURN_MS ? undefined : giveTurn());
  async function giveTurn(): Promise<void> {
    await setImmediate();
    since = performance.now();
  }
}

/** Goes through all steps, and lets others have their turn every 10 ms. @throws AbortError; what the steps throw */
export async function gradually<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  const turns = openTurns();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const turn = turns();
    if (turn === undefined) continue;
    await turn;
    throwIfAborted(signal);
  }
}
