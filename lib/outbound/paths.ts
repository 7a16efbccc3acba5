// The sockets of the host on a list. Pure.
import type { Entry } from './entry.ts';

/** Their paths, in the order of the list: each is a door of the launch. */
export const pathsOf = (list: readonly Entry[]): readonly string[] => list.flatMap(({ path }) => path ?? []);
