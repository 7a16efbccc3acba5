// Places for the programs of all services that start: each has several descriptors until its program runs, and a burst of clients must not
// need more of them than its connections do.
import { Semaphore } from '../semaphore.ts';

/** So many keep the threads of launches busy. */
const places = new Semaphore({ most: 16 });

/** A start that takes longer, as from a file system that does not answer, must not keep other services waiting. */
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
