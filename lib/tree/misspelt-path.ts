// Finds the path of the host that was most likely meant by a misspelt one.
import { readdirSync } from 'node:fs';

import { lookOr } from '../words/system-error.ts';
import {
  type BytePath,
  bytePath,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  trimSlashes,
} from './path.ts';
import { nearest } from '../words/nearest.ts';
import type { Bytes } from '../words/quote.ts';

// An entry of the same directory with a similar name: a directory if `isDirectory`, otherwise another kind of file.
function nearestPath(path: BytePath, isDirectory: boolean): BytePath | undefined {
  return nearestIn(path, (parent) => namesIn(parent, isDirectory));
}

/** The hint for a path that is not there: the name that is nearest to it, or `otherwise`. */
export function meantPath(path: Bytes, otherwise: string, isDirectory = false): string {
  const meant = nearestPath(bytePath(path), isDirectory);
  return meant === undefined ? otherwise : `did you mean ${showPath(meant)}?`;
}

/** The same for a jail: a directory in which something is. */
export function nearestJail(path: BytePath): BytePath | undefined {
  return nearestIn(path, (parent) =>
    namesIn(parent, true).filter((name) => !isEmpty(joinPath(parent, name as BytePath))),
  );
}

/** The jail of this name in /srv, where jails usually are; undefined if there is none. */
export function jailOfName(name: BytePath): BytePath | undefined {
  const usual = joinPath('/srv' as BytePath, name);
  return namesIn(parentPath(usual), true).includes(name) && !isEmpty(usual) ? usual : undefined;
}

function nearestIn(path: BytePath, names: (parent: BytePath) => readonly string[]): BytePath | undefined {
  const plain = trimSlashes(path);
  const parent = parentPath(plain);
  const meant = nearest(lastComponent(plain), names(parent));
  return meant === undefined ? undefined : joinPath(parent, meant as BytePath);
}

// false if it may not be read: then it can be a jail
const isEmpty = (directory: BytePath): boolean =>
  lookOr(false, () => readdirSync(pathBytes(directory), 'buffer').length === 0);

const namesIn = (directory: BytePath, isDirectory: boolean): readonly string[] =>
  lookOr([], () =>
    readdirSync(pathBytes(directory), { withFileTypes: true, encoding: 'buffer' })
      .filter((entry) => entry.isDirectory() === isDirectory)
      .map(({ name }) => name.toString('latin1')),
  );
