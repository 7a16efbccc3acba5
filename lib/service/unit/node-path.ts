// Where a service finds node.
import { accessSync, constants, realpathSync } from 'node:fs';
import { lookOr } from '../../words/system-error.ts';

function isThis(path: string): boolean {
  accessSync(path, constants.X_OK);
  return path.startsWith('/') && realpathSync(path) === process.execPath;
}

/** The path where PATH finds the node of this process. It stays the same when a new version replaces the running one. */
export function nodePath(): string {
  const candidates = (process.env.PATH ?? '').split(':').map((directory) => `${directory}/node`);
  return candidates.find((path) => lookOr(false, () => isThis(path))) ?? process.execPath;
}
