// Where a service finds node.
import { accessSync, constants, realpathSync } from 'node:fs';

/** The path where PATH finds the node of this process. It stays the same when a new version replaces the running one. */
export function nodePath(): string {
  const candidates = (process.env.PATH ?? '').split(':').map((directory) => `${directory}/node`);
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return path.startsWith('/') && realpathSync(path) === process.execPath;
    } catch {
      return false;
    }
  });
  return found ?? process.execPath;
}
