// Gathers the files that are taken, and looks into executables once each.

import { remember } from '../../binary/files.ts';
import type { BytePath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import type { ChosenFile } from './choice.ts';
import type { Package } from './database.ts';
import { type Executable, readExecutable } from './executable.ts';

export interface Taken {
  add(path: BytePath, pkg: Package | undefined, why: BytePath | undefined): void;
  /** Adds a program by one of its names, `end` being where it leads; once it is looked into it is fresh. */
  start(path: BytePath, end: BytePath, pkg: Package | undefined, why: BytePath | undefined): void;
  withhold(path: BytePath, pkg: Package, why: BytePath | undefined): void;
  has(path: BytePath): boolean;
  look(path: BytePath): Executable | undefined;
  /** The next executable that was started and not yet handed out. */
  takeFresh(): Executable | undefined;
  readonly files: ReadonlyMap<BytePath, ChosenFile>;
  readonly withheld: ReadonlyMap<BytePath, ChosenFile>;
}

export function openTaken(root: FileRoot): Taken {
  const files = new Map<BytePath, ChosenFile>();
  const withheld = new Map<BytePath, ChosenFile>();
  const executables = new Map<BytePath, Executable | null>();
  const started = new Set<BytePath>();
  const fresh: Executable[] = [];

  function look(path: BytePath): Executable | undefined {
    return remember(executables, path, () => readExecutable(root, path) ?? null) ?? undefined;
  }
  function execute(path: BytePath): void {
    if (started.has(path)) return;
    started.add(path);
    const executable = look(path);
    if (executable !== undefined) fresh.push(executable);
  }
  return {
    add: (path, pkg, why) => {
      if (files.has(path)) return;
      files.set(path, { path, package: pkg, why, started: false });
      // libm.so is no library but a text for the linker (ld(1), "Implicit Linker Scripts")
      if (path.endsWith('.so') && look(path)?.kind === 'linker-script') execute(path);
    },
    start: (path, end, pkg, why) => {
      const known = files.get(path);
      files.set(path, { path, package: pkg, why: known === undefined ? why : known.why, started: true });
      execute(end);
    },
    withhold: (path, pkg, why) => withheld.set(path, { path, package: pkg, why, started: false }),
    has: (path) => files.has(path),
    look,
    takeFresh: () => fresh.pop(),
    files,
    withheld,
  };
}
