// Gathers the files that are taken, and looks into executables once each.

import type { BytePath } from '../../binary/path.ts';
import type { ChosenFile } from './choice.ts';
import type { Package } from './database.ts';
import type { Executable } from './executable.ts';

export interface Taken {
  add(path: BytePath, pkg: Package | undefined, why: BytePath | undefined): void;
  /** Adds a program by one of its names, `end` being where it leads; once it is looked into it is fresh. */
  start(path: BytePath, end: BytePath, pkg: Package | undefined, why: BytePath | undefined): void;
  withhold(path: BytePath, pkg: Package, why: BytePath | undefined): void;
  has(path: BytePath): boolean;
  /** The next executable that was started and not yet handed out. */
  takeFresh(): Executable | undefined;
  readonly files: ReadonlyMap<BytePath, ChosenFile>;
  readonly withheld: ReadonlyMap<BytePath, ChosenFile>;
}

export function openTaken(look: (path: BytePath) => Executable | undefined): Taken {
  const files = new Map<BytePath, ChosenFile>();
  const withheld = new Map<BytePath, ChosenFile>();
  const started = new Set<BytePath>();
  const fresh: Executable[] = [];

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
    takeFresh: () => fresh.pop(),
    files,
    withheld,
  };
}
