// Finds the path of the host that was most likely meant by a misspelt one.
import { readdirSync } from 'node:fs';

import { type BytePath, joinPath, lastComponent, parentPath, pathBytes, trimSlashes } from './path.ts';
import { nearest } from '../nearest.ts';

/** An entry of the same directory with a similar name: a directory if `isDirectory`, otherwise another kind of file. */
export function nearestPath(path: BytePath, isDirectory: boolean): BytePath | undefined {
  const plain = trimSlashes(path);
  const parent = parentPath(plain);
  const meant = nearest(lastComponent(plain), namesIn(parent, isDirectory));
  return meant === undefined ? undefined : joinPath(parent, meant as BytePath);
}

function namesIn(directory: BytePath, isDirectory: boolean): readonly string[] {
  try {
    return readdirSync(pathBytes(directory), { withFileTypes: true, encoding: 'buffer' })
      .filter((entry) => entry.isDirectory() === isDirectory)
      .map(({ name }) => name.toString('latin1'));
  } catch {
    return []; // it is not there either
  }
}
