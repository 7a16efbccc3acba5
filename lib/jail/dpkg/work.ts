// What choosing works with: what a root has, and the answers so far.

import { type BytePath, parentPath } from '../../binary/path.ts';
import type { Contents } from './contents.ts';
import type { Package } from './database.ts';
import { type Mentions, openMentions } from './mentions.ts';
import type { Reading } from './reading.ts';
import { openTaken, type Taken } from './taken.ts';
import { openUses, type Uses } from './uses.ts';

export interface Work extends Reading {
  readonly uses: Uses;
  readonly mentions: Mentions;
  readonly taken: Taken;
  /** Scripts of which it is known what they wrap. */
  readonly wrappers: Set<BytePath>;
  /** Source packages that have a dependency which is used only if it is named. */
  readonly listening: Set<string>;
  /** Packages of which the libraries were searched for such names. */
  readonly searched: Set<Package>;
  /** Packages of which the modules were searched for what they call. */
  readonly called: Set<Package>;
}

export function openWork(reading: Reading): Work {
  return {
    ...reading,
    uses: openUses(),
    mentions: openMentions(),
    taken: openTaken(reading.look),
    wrappers: new Set(),
    listening: new Set(),
    searched: new Set(),
    called: new Set(),
  };
}

/**
 * Whoever depends on a package has to name it, and not another one that happens to be there: perl itself names perlbug. But
 * gcc-14 depends on binutils, and its programs are in gcc-14-x86-64-linux-gnu.
 */
export function ifOf(
  work: Work,
  { source }: Package,
  listener: (by: BytePath) => void,
): (by: BytePath) => void {
  return (by) => {
    const owner = work.packages.owner(by);
    if (owner === undefined || owner.source === source) listener(by);
  };
}

export function hasExecutables({ programs, helpers }: Contents): boolean {
  return programs.length + helpers.length > 0;
}

export function hasMachineCode({ look }: Work, { programs, helpers, libraries, data }: Contents): boolean {
  return (
    [...libraries, ...data].some((path) => /\.so(?:\.|$)/.test(path)) ||
    [...programs, ...helpers].some((path) => look(path)?.kind === 'elf')
  );
}

/** The uppermost directory above a path of which that is true. */
export function ownDirectory(path: BytePath, isOwn: (directory: BytePath) => boolean): BytePath | undefined {
  let found: BytePath | undefined;
  for (let at = parentPath(path); at !== '/' && isOwn(at); at = parentPath(at)) found = at;
  return found;
}
