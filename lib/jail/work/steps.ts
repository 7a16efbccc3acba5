// Long work in steps, between which a service goes on serving and an abort is heard, and how far the work has come.

import { setImmediate } from 'node:timers/promises';

import { throwIfAborted } from './jail-error.ts';

/** Each `yield` is a place where the work can pause. */
export type Steps<T> = Generator<undefined, T, undefined>;

const TURN_MS = 10;

/** Lets others have their turn, if so many ms have passed since they had it. */
export type Turns = () => Promise<void> | undefined;

export function openTurns(afterMs = TURN_MS): Turns {
  let since = performance.now();
  return () => (performance.now() - since < afterMs ? undefined : giveTurn());
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

/** How far a piece of work on a jail has come. */
export interface Progress {
  readonly phase: 'learn' | 'plan' | 'copy' | 'commit' | 'check' | 'inspect' | 'remove';
  /** Files done, and of how many; both 0 where that is not known. */
  readonly files: number;
  readonly totalFiles: number;
  readonly sizeBytes: number;
  readonly totalSizeBytes: number;
}

/** The progress of a phase that has just begun. */
export function begin(phase: Progress['phase'], totalFiles = 0, totalSizeBytes = 0): Progress {
  return { phase, files: 0, totalFiles, sizeBytes: 0, totalSizeBytes };
}
