// The state of choosing files of packages: what was read from the root, and what was chosen so far.

import { memoize } from '../../values/remember.ts';
import { type BytePath, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { openCommands } from './script-calls.ts';
import { type Contents, openContents } from './contents.ts';
import type { Package, Packages } from './database.ts';
import { type Executable, readExecutable } from './scanned-program.ts';
import { type Imports, openImports, openStrings, type ReadStrings } from './sections.ts';
import { isForDevelopment, isForLinker, readDependents } from './dependencies.ts';
import { openMentions } from './mentions.ts';

/**
 * How much of a package is taken: `programs`, the used programs with the data that they name; `data`, no programs; `used`,
 * everything except programs that no file names; `whole`, everything.
 */
export type Extent = 'programs' | 'data' | 'used' | 'whole';

export interface ChosenFile {
  /** A file, link or empty directory of the root. */
  readonly path: BytePath;
  /** Undefined for a script that no package owns. */
  readonly package: Package | undefined;
  /** The program or script that led to it; undefined for a file of a requested package. */
  readonly why: BytePath | undefined;
  /** A file in the jail may start it. A script that is never started, such as a template, needs no interpreter. */
  readonly started: boolean;
}

/** A program of the root that a program of the jail names. */
export interface Suggestion {
  readonly path: BytePath;
  readonly by: BytePath;
}

function openTaken(look: (path: BytePath) => Executable | undefined) {
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
    add: (path: BytePath, pkg: Package | undefined, why: BytePath | undefined): void => {
      if (files.has(path)) return;
      files.set(path, { path, package: pkg, why, started: false });
      // a file such as libm.so can be a script for the linker (ld(1), "Implicit Linker Scripts")
      if (path.endsWith('.so') && look(path)?.kind === 'linker-script') execute(path);
    },
    /** Adds a program by one of its names; `end` is the path with links resolved. */
    start: (path: BytePath, end: BytePath, pkg: Package | undefined, why: BytePath | undefined): void => {
      const known = files.get(path);
      files.set(path, { path, package: pkg, why: known === undefined ? why : known.why, started: true });
      execute(end);
    },
    withhold: (path: BytePath, pkg: Package, why: BytePath | undefined) =>
      withheld.set(path, { path, package: pkg, why, started: false }),
    /** Removes and returns an executable that was started and not returned before. */
    takeFresh: () => fresh.pop(),
    files,
    withheld,
  };
}

export interface Use {
  readonly pkg: Package;
  readonly extent: Extent;
  /** Its libraries are taken even if no ELF file needs them. */
  readonly withLibraries: boolean;
  /** By its name, or by the name of a program. */
  readonly isAsked: boolean;
  /** The program or script that needs its files. */
  readonly why: BytePath | undefined;
}

const EXTENTS: readonly Extent[] = ['programs', 'data', 'used', 'whole'];

function openUses() {
  const uses = new Map<Package, Use>();
  const queue = new Set<Package>();
  return {
    /** Adds a use; false if there is nothing new in it. An extent can only grow, and the first `why` is kept. */
    add: (use: Use): boolean => {
      const known = uses.get(use.pkg);
      const extent = known === undefined ? use.extent : larger(known.extent, use.extent);
      const withLibraries = use.withLibraries || known?.withLibraries === true;
      if (known?.extent === extent && known.withLibraries === withLibraries) return false;
      uses.set(use.pkg, { ...(known ?? use), extent, withLibraries });
      queue.add(use.pkg);
      return true;
    },
    /** The next use that is new or whose extent has grown. */
    next: (): Use | undefined => {
      for (const pkg of queue) {
        queue.delete(pkg);
        return uses.get(pkg);
      }
      return undefined;
    },
    all: () => [...uses.values()],
  };
}

const larger = (a: Extent, b: Extent): Extent => (EXTENTS.indexOf(a) < EXTENTS.indexOf(b) ? b : a);

/** The files of a use that are taken even if no program names them. */
export function takenBy(
  { pkg, extent, withLibraries }: Use,
  { programs, helpers, scripts, libraries, development, data }: Contents,
): { readonly files: readonly BytePath[]; readonly executables: readonly BytePath[] } {
  const files = [
    ...(withLibraries || isForLinker(pkg) ? libraries : []),
    ...(isForDevelopment(pkg) ? development : []),
    ...data,
    ...scripts,
  ];
  switch (extent) {
    case 'programs':
      return { files: [], executables: [] };
    case 'data':
      return { files: data, executables: [] };
    case 'used':
      return { files, executables: helpers };
    case 'whole':
      return { files, executables: [...programs, ...helpers] };
    default:
      return extent satisfies never;
  }
}

export type Reading = ReturnType<typeof openReading>;

/** Cached facts about executables. A caller that reads the same files can pass its own cache. */
export interface ReadPrograms {
  readonly strings: ReadStrings;
  readonly imports: Imports;
}

export function openReading(
  root: FileRoot,
  packages: Packages,
  { strings, imports }: ReadPrograms = { strings: openStrings(root), imports: openImports(root) },
) {
  packages.readAhead();
  const reader = openContents(root, packages);
  let dependents: ReturnType<typeof readDependents> | undefined;
  return {
    root,
    packages,
    reader,
    commands: openCommands(root, packages, reader.programs),
    /** The packages that depend on each package. */
    dependents: () => (dependents ??= readDependents(packages)),
    /** Reads a program or script; undefined if it cannot be read. */
    look: memoize((path: BytePath) => readExecutable(root, path, strings)),
    strings,
    imports,
  };
}

export type Work = ReturnType<typeof openWork>;

export function openWork(reading: Reading) {
  return {
    ...reading,
    uses: openUses(),
    mentions: openMentions(),
    taken: openTaken(reading.look),
    /** Wrapper scripts whose targets are already resolved. */
    wrappers: new Set<BytePath>(),
    /** Source packages that have a dependency which is used only if one of their programs names it. */
    listening: new Set<string>(),
    /** Packages whose libraries were searched for the names of such dependencies. */
    searched: new Set<Package>(),
    /** Packages whose modules were searched for commands. */
    called: new Set<Package>(),
    /** Programs that a program of a requested package names, and that its package does not need. */
    suggested: new Map<BytePath, Suggestion>(),
    /** Sources of the requested packages. */
    asked: new Set<string>(),
  };
}

/**
 * Calls the listener only for programs of the same source package. Names in other programs do not count: perl itself names
 * perlbug. The binary package may differ: gcc-14 depends on binutils, but its programs are in gcc-14-x86-64-linux-gnu.
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

/** True for a metapackage. */
export function isEmpty({ programs, helpers, scripts, libraries, development, data }: Contents): boolean {
  return [programs, helpers, scripts, libraries, development, data].every((paths) => paths.length === 0);
}

export function hasMachineCode({ look }: Work, { programs, helpers, libraries, data }: Contents): boolean {
  return (
    [...libraries, ...data].some((path) => /\.so(?:\.|$)/.test(path)) ||
    [...programs, ...helpers].some((path) => look(path)?.kind === 'elf')
  );
}

/** The topmost directory above a path for which `isOwn` is true. */
export function ownDirectory(path: BytePath, isOwn: (directory: BytePath) => boolean): BytePath | undefined {
  let found: BytePath | undefined;
  for (let at = parentPath(path); at !== '/' && isOwn(at); at = parentPath(at)) found = at;
  return found;
}

/** The topmost directory of a file that is only its package's, and the one it is in, if that has a purpose of its own. */
export function directoriesOf({ packages }: Work, path: BytePath, pkg: Package): readonly BytePath[] {
  const own = ownDirectory(path, (at) => packages.owner(at) === pkg);
  const directory = parentPath(path);
  const isForPurpose = /^\/usr\/share\/(?!perl5\/|nodejs\/)[^/]+\/./.test(directory);
  return [...(own === undefined ? [] : [own]), ...(isForPurpose ? [directory] : [])];
}

// Many packages name these without reading all that others have put there.
const OF_ALL =
  /^\/usr\/share\/(?:X11|applications|color|dict|fonts|icons|java|mime|misc|nodejs|perl5|pixmaps|python3?|sgml|themes|xml|zoneinfo)$/;

/**
 * The directories below /usr/share that a package of data fills together with others: texmf.cnf of TeX names /usr/share/texmf, and
 * lmodern has its fonts there.
 */
export function sharedDirectories({ reader }: Work, to: Package): readonly BytePath[] {
  if (reader.programs(to).length > 0) return [];
  const found = new Set(
    reader.contents(to).data.flatMap((path) => /^\/usr\/share\/[^/]+(?=\/)/.exec(path)?.[0] ?? []),
  );
  return [...found].filter((directory) => !OF_ALL.test(directory)) as BytePath[];
}
