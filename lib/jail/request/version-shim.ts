// Shims of version managers: programs that choose another one by the caller's working directory and environment.

import { readSmallText } from '../../binary/loader-conf.ts';
import { type BytePath, lastComponent, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { commandLine } from '../../words/shell-word.ts';

const MAX_BYTES = 4096;
// pyenv(1) and those made after it, asdf and mise: the last line of a shim is `exec ".../pyenv" exec "$program" "$@"`
const EXEC = /^\s*exec\s+(["']?)(?:\S*\/)?(pyenv|rbenv|nodenv|goenv|jenv|plenv|phpenv|asdf|mise)\1\s+exec\s/m;

/** The version manager whose shim lies at `path`; undefined if it is none. */
function managerOf(root: FileRoot, path: BytePath): string | undefined {
  const end = walk(root, path);
  if (end.kind !== 'found' || end.status.kind !== 'file') return undefined;
  if (lastComponent(end.path) === 'volta-shim') return 'volta';
  if (end.status.sizeBytes > MAX_BYTES) return undefined;
  const text = readSmallText(root, end.path, MAX_BYTES);
  return text && EXEC.exec(text)?.[2];
}

/** Returns `path`. @throws UsageError if it is a shim: in a jail it finds neither its manager nor the program */
export function refuseShim(root: FileRoot, path: BytePath): BytePath {
  const manager = managerOf(root, path);
  if (manager === undefined) return path;
  throw new UsageError(`program ${showPath(path)} is a shim of ${manager}, which a jail does not have`, {
    hint: `name the program that this prints: ${commandLine(manager, 'which', lastComponent(path))}`,
  });
}
