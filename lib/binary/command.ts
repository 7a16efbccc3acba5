// How a command is found by its name: execvp(3).

import { type BytePath, bytePath, joinPath, showPath } from './path.ts';
import { errorCode, type FileRoot, type FileStatus } from './root.ts';
import { walk } from './walk.ts';

export type Command =
  | { readonly kind: 'found'; readonly path: BytePath }
  | { readonly kind: 'missing'; readonly reason: 'absent' | 'denied'; readonly message: string };

// What glibc searches if there is no PATH: _CS_PATH of confstr(3).
const NO_PATH = bytePath('/bin:/usr/bin');
const MAX_DIRECTORIES = 1000;

/**
 * The file that `name` stands for, the first that is executable being taken; a name with a slash stands for itself. `directory`
 * is the working directory, in which relative and empty elements of `path` begin.
 */
export function findCommand(
  root: FileRoot,
  name: BytePath,
  { path = NO_PATH, directory }: { readonly path: BytePath | undefined; readonly directory: BytePath },
): Command {
  if (name.includes('/')) return { kind: 'found', path: joinPath(directory, name) };
  let denied: BytePath | undefined;
  for (const element of path.split(':', MAX_DIRECTORIES) as BytePath[]) {
    const candidate = joinPath(joinPath(directory, element === '' ? directory : element), name);
    const status = name === '' ? undefined : statusOf(root, candidate);
    if (status?.kind === 'file' && (status.mode & 0o111) !== 0) return { kind: 'found', path: candidate };
    if (status !== undefined) denied ??= candidate;
  }
  if (denied !== undefined)
    return { kind: 'missing', reason: 'denied', message: `${showPath(denied)} may not be executed` };
  const hint = /\s/.test(name) ? '; env takes options and arguments only with -S' : '';
  const message = `it is in none of the directories of PATH (${showPath(path)})${hint}`;
  return { kind: 'missing', reason: 'absent', message };
}

function statusOf(root: FileRoot, path: BytePath): FileStatus | undefined {
  try {
    const end = walk(root, path);
    return end.kind === 'found' ? end.status : undefined;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined; // a name that is too long is not there either
  }
}
