// Caches what was found out about a launch, for other services with the same launch: finding out takes milliseconds and a child.
import { serialize } from 'node:v8';

import type { LaunchRequest } from '../launch/request/request.ts';

/**
 * The same function with a cache. Launches that differ only in their arguments share one result, because no check reads the arguments.
 */
export function onceALaunch<T>(
  look: (launch: LaunchRequest) => Promise<T>,
): (launch: LaunchRequest) => Promise<T> {
  const found = new Map<string, Promise<T>>();
  return (launch) => {
    const { args: _, ...rest } = launch;
    const key = serialize(rest).toString('latin1');
    const known = found.get(key) ?? look(launch);
    found.set(key, known);
    return known;
  };
}
