// Long work in steps. Between two steps the event loop runs, and an abort takes effect.

import { setImmediate } from 'node:timers/promises';

import { throwIfAborted } from './jail-error.ts';

/** The work can pause at each `yield`. */
export type Steps<T> = Generator<undefined, T, undefined>;

const TURN_MS = 10;

/** Lets the event loop run if its last turn was long enough ago. */
export type Turns = () => Promise<void> | undefined;

export function openTurns(afterMs = TURN_MS): Turns {
  let since = performance.now();
  return () => (performance.now() - since < afterMs ? undefined : giveTurn());
  async function giveTurn(): Promise<void> {
    await setImmediate();
    since = performance.now();
  }
}

/** Runs all steps, and lets the event loop run every 10 ms. @throws AbortError; the errors of the steps */
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

/** The progress of work on a jail. */
export interface Progress {
  readonly phase: 'learn' | 'plan' | 'copy' | 'commit' | 'check' | 'inspect' | 'remove';
  /** Files done, and their total. Both are 0 if the total is unknown. */
  readonly files: number;
  readonly totalFiles: number;
  readonly sizeBytes: number;
  readonly totalSizeBytes: number;
}

export function begin(phase: Progress['phase'], totalFiles = 0, totalSizeBytes = 0): Progress {
  return { phase, files: 0, totalFiles, sizeBytes: 0, totalSizeBytes };
}
