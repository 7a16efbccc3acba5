// Places for the programs of all services that start: each has several descriptors until its program runs, and a burst of clients must not
// need more of them than its connections do.
import { Semaphore } from '../semaphore.ts';

/** So many keep the threads of launches busy. */
const places = new Semaphore({ most: 16 });

/** Starts a program of a service when there is a place. Services take turns. */
export async function inStartPlace<T>(service: string, start: () => Promise<T>): Promise<T> {
  await new Promise<void>((begin) => void places.enter(service, begin));
  return start().finally(() => places.release(service));
}
