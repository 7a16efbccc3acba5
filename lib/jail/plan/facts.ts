// What is in the jail so far and shows which packs are needed.

import { type BytePath, lastComponent, parentPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { readImports } from '../../binary/elf-symbols.ts';
import { walk } from '../../binary/walk.ts';
import type { When } from '../packs/pack.ts';
import type { Steps } from '../work/steps.ts';
import { type Executable, isShell } from './needed-files.ts';

export interface Facts {
  /** Takes note of executables that came in, and of all other files. */
  learn(executables: readonly Executable[]): Steps<void>;
  /** The file that shows that a pack is needed; undefined if none does. */
  sign(when: When): BytePath | undefined;
  executables(name: RegExp): readonly BytePath[];
  /** Directories that a C library in the jail lies in. */
  libraryDirectories(): readonly BytePath[];
}

interface Known {
  readonly executables: Map<BytePath, Executable>;
  /** The file that was found by the name of a library. */
  readonly libraries: Map<string, BytePath>;
  readonly imports: Map<string, BytePath>;
  readonly ownImports: Map<string, BytePath>;
  readonly directories: Set<BytePath>;
}

export interface FactsOptions {
  /** All functions that any pack asks for. */
  readonly symbols: ReadonlySet<string>;
  /** True for a tool of a package that every Debian system has. */
  readonly isBasic: (path: BytePath) => boolean;
  /** The source package of a path, undefined if it is nobody's. */
  readonly sourceOf: (path: BytePath) => string | undefined;
  /** All paths in the jail so far. */
  readonly paths: () => Iterable<BytePath>;
}

export function openFacts(root: FileRoot, { symbols, isBasic, sourceOf, paths }: FactsOptions): Facts {
  const sources = new Set<string | undefined>();
  const known: Known = {
    executables: new Map(),
    libraries: new Map(),
    imports: new Map(),
    ownImports: new Map(),
    directories: new Set(),
  };

  function* learn(executables: readonly Executable[]): Steps<void> {
    for (const executable of executables) {
      yield;
      const { path, entry, closure } = executable;
      if ((entry.mode & 0o111) !== 0 && !isLibrary(path)) known.executables.set(path, executable);
      for (const { role, as, path: at } of closure.files)
        if (role === 'library' && as !== undefined && LIBC.test(as))
          known.directories.add(parentPath(resolved(root, at)));
      // the libraries of a library count only for the program that needs it
      if (!isShell(path) && !isLibrary(path)) noteLibraries(executable);
      if (!isShell(path) && executable.elf !== undefined && !OF_LIBC.test(path)) noteImports(executable);
    }
  }

  function noteLibraries({ closure }: Executable): void {
    for (const { role, as, path } of closure.files)
      if ((role === 'library' || role === 'dlopen') && as !== undefined && !known.libraries.has(as))
        known.libraries.set(as, resolved(root, path));
  }

  // svn leaves setlocale to a library of its own
  function noteImports({ path, source }: Executable): void {
    const from = sourceOf(source);
    const isOwn = isLibrary(path) ? from !== undefined && sources.has(from) : !isBasic(source);
    if (isOwn) sources.add(from);
    const maps = isOwn ? [known.imports, known.ownImports] : [known.imports];
    for (const name of importsOf(root, source, symbols))
      for (const map of maps) if (!map.has(name)) map.set(name, path);
  }

  function sign(when: When): BytePath | undefined {
    const { libraries, executables, paths: pattern } = when;
    const library = libraries && [...known.libraries].find(([name]) => libraries.test(name));
    if (library !== undefined) return library[1];
    const program = executables && firstMatch(known.executables.keys(), executables);
    if (program !== undefined) return program;
    const caller = firstOf(known.imports, when.imports) ?? firstOf(known.ownImports, when.ownImports);
    if (caller !== undefined) return caller;
    if (pattern === undefined) return undefined;
    for (const path of paths()) if (pattern.test(path)) return path;
    return undefined;
  }

  return {
    learn,
    sign,
    executables: (name) => [...known.executables.keys()].filter((path) => name.test(lastComponent(path))),
    libraryDirectories: () => [...known.directories],
  };
}

const LIBC = /^libc\.so\.6$|^libc\.musl-/;
// Parts of the C library call each other.
const OF_LIBC =
  /\/(?:ld-[^/]*|lib(?:c|m|mvec|pthread|dl|rt|resolv|util|anl|nsl|BrokenLocale|thread_db|nss_[a-z]+)\.(?:so|musl)[^/]*)$/;

function isLibrary(path: BytePath): boolean {
  return /\.so(?:\.[^/]*)?$/.test(path);
}

function firstOf(
  known: ReadonlyMap<string, BytePath>,
  names: readonly string[] | undefined,
): BytePath | undefined {
  const found = names?.find((name) => known.has(name));
  return found === undefined ? undefined : known.get(found);
}

function firstMatch(paths: Iterable<BytePath>, name: RegExp): BytePath | undefined {
  for (const path of paths) if (name.test(lastComponent(path))) return path;
  return undefined;
}

function resolved(root: FileRoot, path: BytePath): BytePath {
  const way = walk(root, path);
  return way.kind === 'found' ? way.path : path;
}

function importsOf(root: FileRoot, path: BytePath, symbols: ReadonlySet<string>): ReadonlySet<string> {
  const file = root.open(path);
  if (file === undefined) return new Set();
  try {
    return readImports(file.read, symbols);
  } finally {
    file.close();
  }
}
