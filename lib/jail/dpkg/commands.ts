// Finds the programs that a script calls by name.

import { remember } from '../../binary/files.ts';
import { type BytePath, bytePath, joinPath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import type { Package, Packages } from './database.ts';
import { isForSystem } from './follow.ts';

export interface Commands {
  /** Looked up as by a shell with the PATH of root. */
  inPath(name: string): BytePath | undefined;
  /** A program that every Debian system has, of which no package says that it needs it. */
  inBase(name: string): BytePath | undefined;
}

const PATH = '/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin'.split(' ');

// The shell's own: dash(1), "Builtins", and bash(1). A program of the same name is for those who have no shell.
const BUILTINS = new Set(
  (
    'alias bg bind break builtin caller case cd chdir command compgen complete continue declare dirs disown echo ' +
    'enable eval exec exit export false fc fg for getopts hash help history if jobs kill let local logout mapfile ' +
    'popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test then time ' +
    'times trap true type typeset ulimit umask unalias unset until wait while'
  ).split(' '),
);

export function openCommands(
  root: FileRoot,
  packages: Packages,
  programs: (pkg: Package) => readonly BytePath[],
): Commands {
  const found = new Map<string, BytePath | null>();
  let base: ReadonlyMap<string, BytePath> | undefined;
  return {
    inPath: (name) => {
      if (BUILTINS.has(name) || name.includes('/')) return undefined;
      return remember(found, name, () => lookUp(root, name as BytePath) ?? null) ?? undefined;
    },
    inBase: (name) => {
      base ??= basePrograms(packages, programs);
      return BUILTINS.has(name) ? undefined : base.get(name);
    },
  };
}

function lookUp(root: FileRoot, name: BytePath): BytePath | undefined {
  return PATH.map((directory) => joinPath(bytePath(directory), name)).find((path) => {
    const way = walk(root, path);
    return way.kind === 'found' && way.status.kind === 'file' && (way.status.mode & 0o111) !== 0;
  });
}

// Essential packages, and awk: a package may use these without saying so (Debian policy 3.8).
function basePrograms(
  packages: Packages,
  programs: (pkg: Package) => readonly BytePath[],
): ReadonlyMap<string, BytePath> {
  const awk = packages.satisfy([{ name: 'awk' }]);
  return new Map(
    packages.all
      .filter((pkg) => (pkg.essential || pkg === awk) && !isForSystem(pkg))
      .flatMap((pkg) => programs(pkg).map((path) => [lastComponent(path), path] as const)),
  );
}
