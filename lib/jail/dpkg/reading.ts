// What is read of a root to choose from its packages, each file once, however often is chosen.

import { remember } from '../../binary/files.ts';
import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { type Commands, openCommands } from './commands.ts';
import { type ContentsReader, openContents } from './contents.ts';
import type { Package, Packages } from './database.ts';
import { type Executable, readExecutable } from './executable.ts';
import { readDependents } from './follow.ts';
import { openStrings, type ReadStrings } from './sections.ts';

export interface Reading {
  readonly root: FileRoot;
  readonly packages: Packages;
  readonly reader: ContentsReader;
  readonly commands: Commands;
  /** The packages that depend on one. */
  readonly dependents: () => ReadonlyMap<Package, readonly Package[]>;
  /** A program or script; undefined if it cannot be read. */
  readonly look: (path: BytePath) => Executable | undefined;
}

export function openReading(
  root: FileRoot,
  packages: Packages,
  strings: ReadStrings = openStrings(root),
): Reading {
  const reader = openContents(root, packages);
  const executables = new Map<BytePath, Executable | null>();
  let dependents: ReturnType<Reading['dependents']> | undefined;
  return {
    root,
    packages,
    reader,
    commands: openCommands(root, packages, reader.programs),
    dependents: () => (dependents ??= readDependents(packages)),
    look: (path) =>
      remember(executables, path, () => readExecutable(root, path, strings) ?? null) ?? undefined,
  };
}
