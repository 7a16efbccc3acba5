// Questions of packs about the root that a jail is built from.

import type { BytePath } from '../../tree/path.ts';
import { statusOf } from '../../tree/walk.ts';
import type { PackHost, Part, When } from './pack.ts';

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

export function hasDpkg({ find }: PackHost): boolean {
  return find('/var/lib/dpkg/status').length > 0;
}

/** The matches of the first group of a pattern with the flag `g`, each once. */
export function allIn(text: string | undefined, pattern: RegExp): readonly string[] {
  return [...new Set(Array.from((text ?? '').matchAll(pattern), ([, match = '']) => match))];
}

/** The interpreter itself, if its pack was requested by name: no other program may need it. */
export function ifAsked({ trigger }: PackHost, ...programs: readonly string[]): readonly Part[] {
  return trigger === undefined ? programs.map((program) => ({ program })) : [];
}
