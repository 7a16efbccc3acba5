// The paths of the host on a list. Pure.
import type { Entry } from './entry.ts';

/** Those of sockets, in the order of the list: each is a door of the launch. */
export const pathsOf = (list: readonly Entry[]): readonly string[] => list.flatMap(({ path }) => path ?? []);

/** With a list, the plan of a launch sends so many sockets at first: for connections, and for questions by UDP and by TCP. */
export const ownSockets = (list: readonly Entry[]): number => (list.length === 0 ? 0 : 3);

/** How many it sends at least: these, one that shows the network, if the host has ports, and a door for each path. */
export const socketsOf = (list: readonly Entry[], hasPorts: boolean): number =>
  ownSockets(list) + (hasPorts ? 1 : 0) + pathsOf(list).length;

/** Those of files of entries. */
export const filesOf = (list: readonly Entry[]): readonly string[] =>
  list.flatMap(({ kind, name }) => (kind === 'file' ? [name] : []));
