// Remembers what was found out about a launch for other services with the same one: a look takes milliseconds and starts a child.
import { serialize } from 'node:v8';

import type { LaunchRequest } from '../launch/request/request.ts';

/**
 * The same look at launches, which looks once at those that differ in their arguments alone. No look reads the arguments: they matter
 * only to the program.
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
