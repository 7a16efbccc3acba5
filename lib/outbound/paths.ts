// The paths of the host on a list. Pure.
import type { Entry } from './entry.ts';

/** Those of sockets, in the order of the list: each is a door of the launch. */
export const pathsOf = (list: readonly Entry[]): readonly string[] => list.flatMap(({ path }) => path ?? []);

// for connections, and for questions by UDP and by TCP
const ownSockets = 3;

/** How many sockets the plan of a launch sends: those of the network, and a door for each path. */
export const socketsOf = (list: readonly Entry[]): number => ownSockets + pathsOf(list).length;

/** Those of files of entries. */
export const filesOf = (list: readonly Entry[]): readonly string[] =>
  list.flatMap(({ kind, name }) => (kind === 'file' ? [name] : []));
