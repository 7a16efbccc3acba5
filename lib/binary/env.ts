// Finds the command that env(1) starts for a `#!` line, and the file of that command.

import { type BytePath, bytePath, joinPath, showPath } from '../tree/path.ts';
import type { FileRoot } from '../tree/root.ts';
import { statusOf } from '../tree/walk.ts';
import { lookOr } from '../words/system-error.ts';

export type Command =
  | { readonly kind: 'found'; readonly path: BytePath }
  | { readonly kind: 'missing'; readonly reason: 'absent' | 'denied'; readonly message: string };

// glibc searches these without a PATH: _CS_PATH of confstr(3).
const NO_PATH = bytePath('/bin:/usr/bin');
const MAX_DIRECTORIES = 1000;

/** The first executable of that name in `path`; a name with a slash is a path. Relative elements begin at `directory`. */
export function findCommand(
  root: FileRoot,
  name: BytePath,
  { path = NO_PATH, directory }: { readonly path: BytePath | undefined; readonly directory: BytePath },
): Command {
  if (name.includes('/')) return { kind: 'found', path: joinPath(directory, name) };
  let denied: BytePath | undefined;
  for (const element of path.split(':', MAX_DIRECTORIES) as BytePath[]) {
    const candidate = joinPath(joinPath(directory, element === '' ? directory : element), name);
    // ENAMETOOLONG and the like: the file cannot exist
    const status = name === '' ? undefined : lookOr(undefined, () => statusOf(root, candidate));
    if (status?.kind === 'file' && (status.mode & 0o111) !== 0) return { kind: 'found', path: candidate };
    if (status !== undefined) denied ??= candidate;
  }
  if (denied !== undefined)
    return { kind: 'missing', reason: 'denied', message: `${showPath(denied)} may not be executed` };
  const hint = /\s/.test(name) ? '; env takes options and arguments only with -S' : '';
  const message = `it is in none of the directories of PATH (${showPath(path)})${hint}`;
  return { kind: 'missing', reason: 'absent', message };
}

export type EnvCall =
  | {
      readonly kind: 'command';
      readonly command: BytePath;
      readonly args: readonly BytePath[];
      /** The PATH in which env looks the command up, and which the command gets; undefined for none. */
      readonly path: BytePath | undefined;
    }
  /** It only prints something. */
  | { readonly kind: 'nothing' }
  /** It may start a command that cannot be told from the line; `by` is the word that decides. */
  | { readonly kind: 'unknown'; readonly by: BytePath }
  /** It ends with status 125; the message is a clause about its arguments. */
  | { readonly kind: 'failure'; readonly message: string };

/**
 * `args` are the arguments after argv[0]; `path` is the PATH of env itself, undefined for none. Reads what `#!` lines have: -S, -i, -u
 * and assignments. A word with a quote, an escape or a variable before the command, and any other option, is unknown.
 */
export function parseEnv(args: readonly BytePath[], path: BytePath | undefined): EnvCall {
  const rest = [...args];
  let known = path;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, clears, split] = /^-(?:v|(i))*S\s*([^]*)$/.exec(word) ?? [];
    if (clears !== undefined || word === '-i' || word === '-') known = undefined;
    if (split !== undefined) rest.unshift(...(split.split(/[ \t]+/).filter(Boolean) as BytePath[]));
    else if (/['"\\$#]/.test(word)) return { kind: 'unknown', by: word };
    else if (word === '-u') {
      if (rest.shift() === 'PATH') known = undefined;
    } else if (/^--?(?:help|version|0)$/.test(word)) return { kind: 'nothing' };
    else if (/^-(?!-).*\s/.test(word))
      return {
        kind: 'failure',
        message: `${showPath(word)} is one argument: it takes only -S with others behind it`,
      };
    else if (word.startsWith('-')) {
      if (!/^-[iv]?$/.test(word)) return { kind: 'unknown', by: word };
    } else if (word.includes('=')) {
      if (word.startsWith('PATH=')) known = word.slice('PATH='.length) as BytePath;
    } else return { kind: 'command', command: word, args: rest, path: known };
  }
  return { kind: 'nothing' };
}
