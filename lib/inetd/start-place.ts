// Limits how many programs of all services start at once. A start holds several descriptors until the program runs, and in a burst of
// clients these must not be more than the descriptors of the connections.
import { Semaphore } from '../values/semaphore.ts';

/** Enough to keep the threads of launches busy. */
const places = new Semaphore({ most: 16 });

/** A start that takes longer gives its place up: a file system that does not answer must not block other services. */
const LONGEST_MS = 500;

/** Starts a program of a service when there is a place. Services take turns. */
export async function inStartPlace<T>(service: string, start: () => Promise<T>): Promise<T> {
  await new Promise<void>((begin) => void places.enter(service, begin));
  let hasPlace = true;
  const leave = (): void => {
    if (hasPlace) places.release(service);
    hasPlace = false;
  };
  const timer = setTimeout(leave, LONGEST_MS);
  try {
    return await start();
  } finally {
    clearTimeout(timer);
    leave();
  }
}
