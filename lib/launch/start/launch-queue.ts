// The queue of an open jail: limits how many of its programs run at once.
import { Semaphore } from '../../values/semaphore.ts';
import type { JailedProcess } from '../process/process.ts';
import type { NormalSpawn } from './normal-spawn.ts';
import { awaitStop, stopError } from './abort-or-timeout.ts';

/** Starts a program; others wait until one ends. Its time begins when it need not wait any more. */
export type Turns = (
  options: NormalSpawn,
  launch: (begun: NormalSpawn) => Promise<JailedProcess>,
) => Promise<JailedProcess>;

/** A queue that lets `concurrency` programs run at once. A waiting launch leaves it when it is aborted. */
export function openTurns(concurrency: number): Turns {
  const places = new Semaphore({ most: concurrency });
  return async (options, launch) => {
    await takePlace(places, options);
    try {
      const child = await launch({ ...options, requestedAt: performance.now() });
      void child.exited.then(() => places.release());
      return child;
    } catch (error) {
      places.release();
      throw error;
    }
  };
}

function takePlace(places: Semaphore, options: NormalSpawn): Promise<void> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted === true) return reject(stopError('ABORT_ERR', options));
    const clear = awaitStop({ ...options, timeoutMs: undefined }, (reason) => {
      leave?.();
      reject(stopError(reason, options));
    });
    const leave = places.enter('', () => {
      clear();
      resolve();
    });
  });
}
