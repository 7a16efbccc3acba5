// Collects facts about the files in the jail so far: the signs by which packs are chosen.

import { type BytePath, lastComponent, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { resolveLinks } from '../../tree/walk.ts';
import type { Imports } from '../dpkg/sections.ts';
import type { When } from '../packs/pack.ts';
import type { Steps } from '../work/steps.ts';
import { type Executable, isShell } from './needed-files.ts';

export type Facts = ReturnType<typeof openFacts>;

export interface FactsOptions {
  /** They include all functions that are signs of a pack. */
  readonly imports: Imports;
  /** True for a tool of an Essential package. */
  readonly isBasic: (path: BytePath) => boolean;
  /** The source package of a path, undefined if no package owns it. */
  readonly sourceOf: (path: BytePath) => string | undefined;
  readonly paths: () => Iterable<BytePath>;
}

export function openFacts(root: FileRoot, { imports: importsOf, isBasic, sourceOf, paths }: FactsOptions) {
  const sources = new Set<string | undefined>();
  const programs = openPrograms(sourceOf);
  const libraries = new Map<string, BytePath>(); // the file that was found by each name
  const imports = new Map<string, BytePath>();
  const ownImports = new Map<string, BytePath>();
  const directories = new Set<BytePath>();

  /** Adds the facts about new executables. */
  function* learn(executables: readonly Executable[]): Steps<void> {
    for (const executable of executables) {
      yield;
      const { path, entry, closure } = executable;
      programs.add(path, entry);
      for (const { role, as, path: at } of closure.files)
        if (role === 'library' && as !== undefined && LIBC.test(as))
          directories.add(parentPath(resolveLinks(root, at)));
      // the libraries of a library count only for the program that needs it
      if (!isShell(path) && !isLibrary(path)) noteLibraries(executable);
      if (!isShell(path) && executable.elf !== undefined && !OF_LIBC.test(path)) noteImports(executable);
    }
  }

  function noteLibraries({ closure }: Executable): void {
    for (const { role, as, path } of closure.files)
      if ((role === 'library' || role === 'dlopen') && as !== undefined && !libraries.has(as))
        libraries.set(as, resolveLinks(root, path));
  }

  // a library of the same source counts as the program itself: svn calls setlocale in its own library
  function noteImports({ path, source }: Executable): void {
    const from = sourceOf(source);
    const isOwn = isLibrary(path) ? from !== undefined && sources.has(from) : !isBasic(source);
    if (isOwn) sources.add(from);
    const maps = isOwn ? [imports, ownImports] : [imports];
    for (const name of importsOf(source)) for (const map of maps) if (!map.has(name)) map.set(name, path);
  }

  /** The file that shows that a pack is needed; undefined if there is none. */
  function sign(when: When): BytePath | undefined {
    const library = when.libraries && [...libraries].find(([name]) => when.libraries?.test(name));
    const found =
      library?.[1] ??
      (when.executables && matching(programs.all, when.executables)[0]) ??
      (when.asked && matching(programs.asked, when.asked)[0]) ??
      firstOf(imports, when.imports) ??
      firstOf(ownImports, when.ownImports);
    if (found !== undefined || when.paths === undefined) return found;
    for (const path of paths()) if (when.paths.test(path)) return path;
    return undefined;
  }

  return {
    learn,
    sign,
    executables: (name: RegExp) => matching(programs.all, name),
    /** The directories of the C libraries in the jail. */
    libraryDirectories: () => [...directories],
  };
}

function openPrograms(sourceOf: FactsOptions['sourceOf']) {
  const [all, asked] = [new Set<BytePath>(), new Set<BytePath>()];
  return {
    all,
    /** Those that were asked for, or that a file of no package starts. */
    asked,
    add: (path: BytePath, { mode, reason: { how, by } }: Executable['entry']): void => {
      if ((mode & 0o111) === 0 || isLibrary(path)) return;
      all.add(path);
      if (how === 'asked' || (by !== undefined && sourceOf(by) === undefined)) asked.add(path);
    },
  };
}

function matching(programs: ReadonlySet<BytePath>, name: RegExp): readonly BytePath[] {
  return [...programs].filter((path) => name.test(lastComponent(path)));
}

const LIBC = /^libc\.so\.6$|^libc\.musl-/;
// Parts of the C library call each other, which is no sign.
const OF_LIBC =
  /\/(?:ld-[^/]*|lib(?:c|m|mvec|pthread|dl|rt|resolv|util|anl|nsl|BrokenLocale|thread_db|nss_[a-z]+)\.(?:so|musl)[^/]*)$/;

const isLibrary = (path: BytePath): boolean => /\.so(?:\.[^/]*)?$/.test(path);

function firstOf(
  known: ReadonlyMap<string, BytePath>,
  names: readonly string[] | undefined,
): BytePath | undefined {
  const found = names?.find((name) => known.has(name));
  return found === undefined ? undefined : known.get(found);
}
