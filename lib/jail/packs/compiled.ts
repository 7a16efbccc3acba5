// Directories that are compiled into an interpreter: it says itself where its library is, wherever it was installed.

import type { BytePath } from '../../binary/path.ts';
import { walk } from '../../binary/walk.ts';
import type { PackHost, Part, When } from './pack.ts';

type Interpreter = Required<Pick<When, 'executables' | 'libraries'>>;

/** The interpreters in the jail, and the library that has it all if they are but its front. */
export function filesOf(host: PackHost, { executables, libraries }: Interpreter): readonly BytePath[] {
  const library = host.sign({ libraries });
  return [...host.executables(executables), ...(library === undefined ? [] : [library])];
}

/** Directories of the root that a pattern, with the flag `g`, finds in their strings. */
export function compiledIn(host: PackHost, interpreter: Interpreter, pattern: RegExp): readonly BytePath[] {
  const found = filesOf(host, interpreter).flatMap((file) => host.texts(file, pattern));
  return [...new Set(found)].filter((path) => isDirectory(host, path));
}

export function isDirectory({ root }: Pick<PackHost, 'root'>, path: BytePath): boolean {
  const way = walk(root, path);
  return way.kind === 'found' && way.status.kind === 'directory';
}

/** The interpreter itself, if its pack was asked for by name: there may be no other program that brings it. */
export function ifAsked({ trigger }: PackHost, ...programs: readonly string[]): readonly Part[] {
  return trigger === undefined ? programs.map((program) => ({ program })) : [];
}
