// What choosing works with: the questions to a root, and the answers so far.

import { type BytePath, parentPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { type Commands, openCommands } from './commands.ts';
import { type Contents, type ContentsReader, openContents } from './contents.ts';
import type { Package, Packages } from './database.ts';
import { type Mentions, openMentions } from './mentions.ts';
import { openTaken, type Taken } from './taken.ts';
import { openUses, type Uses } from './uses.ts';

export interface Work {
  readonly root: FileRoot;
  readonly packages: Packages;
  readonly reader: ContentsReader;
  readonly commands: Commands;
  readonly uses: Uses;
  readonly mentions: Mentions;
  readonly taken: Taken;
  /** Scripts of which it is known what they wrap. */
  readonly wrappers: Set<BytePath>;
  /** Source packages that have a dependency which is used only if it is named. */
  readonly listening: Set<string>;
  /** Packages of which the libraries were searched for such names. */
  readonly searched: Set<Package>;
}

export function openWork(root: FileRoot, packages: Packages): Work {
  const reader = openContents(root, packages);
  return {
    root,
    packages,
    reader,
    commands: openCommands(root, packages, reader.programs),
    uses: openUses(),
    mentions: openMentions(),
    taken: openTaken(root),
    wrappers: new Set(),
    listening: new Set(),
    searched: new Set(),
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

export function hasMachineCode({ taken }: Work, { programs, helpers, libraries, data }: Contents): boolean {
  return (
    [...libraries, ...data].some((path) => /\.so(?:\.|$)/.test(path)) ||
    [...programs, ...helpers].some((path) => taken.look(path)?.kind === 'elf')
  );
}

/** The uppermost directory above a path of which that is true. */
export function ownDirectory(path: BytePath, isOwn: (directory: BytePath) => boolean): BytePath | undefined {
  let found: BytePath | undefined;
  for (let at = parentPath(path); at !== '/' && isOwn(at); at = parentPath(at)) found = at;
  return found;
}
