// Questions of packs about the root that a jail is built from.

import { expandPattern } from '../../binary/loader-conf.ts';
import type { BytePath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { statusOf, walk } from '../../tree/walk.ts';
import type { PackHost, Part, When } from './pack.ts';

const NAME_MAX = 255; // limits.h(0p)

/** The existing paths of a root that match a pattern of a part: only `*` is special. */
export function expandPath(
  root: FileRoot,
  pattern: string,
  libraryDirectories: readonly BytePath[],
): readonly BytePath[] {
  // a word of a script may look like the name of a module
  if (pattern.split('/').some(({ length }) => length > NAME_MAX)) return [];
  const [, below] = /^\$LIB(\/.*|$)/s.exec(pattern) ?? [];
  const places = below === undefined ? [pattern] : libraryDirectories.map((directory) => directory + below);
  return places
    .flatMap((place) => expandPattern(root, place.replace(/[?[]/g, '[$&]') as BytePath, Infinity))
    .filter((path) => walk(root, path).kind === 'found');
}

type Interpreter = Required<Pick<When, 'executables' | 'libraries'>>;

/** The interpreters in the jail, and the library that contains the interpreter, if there is one. */
export function filesOf(host: PackHost, { executables, libraries }: Interpreter): readonly BytePath[] {
  const library = host.sign({ libraries });
  return [...host.executables(executables), ...(library === undefined ? [] : [library])];
}

/** Directories of the root that a pattern with the flag `g` finds in the strings of the interpreter. */
export function compiledIn(host: PackHost, interpreter: Interpreter, pattern: RegExp): readonly BytePath[] {
  const found = filesOf(host, interpreter).flatMap((file) => host.texts(file, pattern));
  return [...new Set(found)].filter((path) => isDirectory(host, path));
}

export function isDirectory({ root }: PackHost, path: BytePath): boolean {
  return statusOf(root, path)?.kind === 'directory';
}

export const hasDpkg = ({ find }: PackHost): boolean => find('/var/lib/dpkg/status').length > 0;

/** The matches of the first group of a pattern with the flag `g`, each once. */
export function allIn(text: string | undefined, pattern: RegExp): readonly string[] {
  return [...new Set(Array.from((text ?? '').matchAll(pattern), ([, match = '']) => match))];
}

/** The interpreter itself, if its pack was requested by name: no other program may need it. */
export function ifAsked({ trigger }: PackHost, ...programs: readonly string[]): readonly Part[] {
  return trigger === undefined ? programs.map((program) => ({ program })) : [];
}
