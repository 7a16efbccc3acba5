// Follows a use: from a program to its package, and from a package to what it needs.

import { type BytePath, lastComponent, parentPath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import type { Contents } from './contents.ts';
import type { Package, Packages } from './database.ts';
import { readConfiguration, readSettings } from './scanned-program.ts';
import {
  dependenciesOf,
  type Edge,
  haveModulesInCommon,
  isBase,
  recommendedBy,
  wholeOf,
} from './dependencies.ts';
import {
  directoriesOf,
  hasExecutables,
  hasMachineCode,
  ifOf,
  isEmpty,
  ownDirectory,
  sharedDirectories,
  takenBy,
  type Use,
  type Work,
} from './choice-state.ts';
import { isInProgramDirectory, placeOf } from './file-place.ts';
import { statusIfThere } from './readable-files.ts';

/**
 * Uses a program by one of its names. The links can be in several packages: gcc is a link to gcc-12. `isPart`: the minimal package
 * of the program is enough.
 */
export function useProgram(
  work: Work,
  path: BytePath,
  why: BytePath | undefined,
  { isAsked = false, isPart = false }: { readonly isAsked?: boolean; readonly isPart?: boolean } = {},
): void {
  const { root, packages, uses, taken } = work;
  const way = walk(root, path);
  if (way.kind !== 'found' || way.status.kind !== 'file') return;
  const names = [...way.links.map((link) => link.path), way.path];
  for (const name of names) {
    const pkg = packages.owner(name);
    if (pkg === undefined) continue;
    const use: Use = { pkg, extent: isBase(pkg) ? 'programs' : 'used', withLibraries: false, isAsked, why };
    uses.add(use);
    const whole = isPart ? undefined : wholeOf(packages, pkg);
    if (whole !== undefined) follow(work, use, whole);
  }
  const owner = packages.owner(way.path);
  taken.start(path, way.path, packages.owner(path) ?? owner, why);
  // other links to the program too: they take no space, and make(1) starts gcc as cc
  for (const name of names)
    for (const link of otherNames(work, name, isAsked))
      taken.start(link, way.path, packages.owner(link) ?? packages.owner(name), why);
  if (owner === undefined) return;
  if (work.look(way.path)?.kind === 'script') useWrapped(work, path, owner);
  useSiblings(work, way.path, owner);
}

function otherNames(
  { root, packages, reader, dependents }: Work,
  name: BytePath,
  isAsked: boolean,
): readonly BytePath[] {
  const owner = packages.owner(name);
  if (owner === undefined) return reader.alternatives(name);
  const parts = isAsked && !isBase(owner) ? (dependents().get(owner) ?? []) : [];
  // mono is a link to mono-sgen, in another package of the same source
  const ofParts = parts
    .filter(({ source }) => source === owner.source)
    .flatMap((pkg) => reader.programs(pkg))
    .filter((path) => statusIfThere(root, path)?.kind === 'symlink' && walk(root, path).path === name);
  const own = reader.contents(owner).names.filter(({ target }) => target === name);
  return [...reader.alternatives(name), ...own.map(({ path }) => path), ...ofParts];
}

// The usual directories of PATH (hier(7)).
const IN_PATH = /^(?:\/usr(?:\/local)?)?\/s?bin$|^\/usr\/games$/;

/** Programs in a private directory start each other by composed names: erlexec starts beam.smp. */
function useSiblings(work: Work, path: BytePath, owner: Package): void {
  const directory = parentPath(path);
  if (!isInProgramDirectory(path) || IN_PATH.test(directory)) return;
  for (const sibling of work.reader.contents(owner).programs)
    if (parentPath(sibling) === directory && !work.taken.files.has(sibling)) useProgram(work, sibling, path);
}

/** A wrapper script starts the program of the same name in a dependent package: psql of postgresql-client-common. */
function useWrapped(work: Work, path: BytePath, wrapper: Package): void {
  if (isBase(wrapper) || work.wrappers.has(path)) return;
  work.wrappers.add(path);
  for (const pkg of work.dependents().get(wrapper) ?? [])
    for (const program of work.reader.programs(pkg))
      if (lastComponent(program) === lastComponent(path) && program !== path) useProgram(work, program, path);
}

/** Takes the files of a use, and waits until a program names the others. */
export function take(work: Work, use: Use): void {
  const { root, packages, reader, taken, mentions } = work;
  const { pkg, extent, why } = use;
  const contents = reader.contents(pkg);
  const { files, executables } = takenBy(use, contents);
  for (const path of files) taken.add(path, pkg, why);
  for (const path of executables) useProgram(work, path, why);
  if (extent === 'programs') return awaitData(work, pkg);
  awaitLibraries(work, pkg, contents.libraries);
  if (extent === 'data') return useDataOf(work, use);
  for (const path of contents.scripts)
    for (const named of [path, ...commandDirectory(packages, path, pkg)])
      mentions.awaitPath(named, (by) => useProgram(work, path, by));
  for (const path of files) if (CONFIGURATION.test(path)) mentions.add(readConfiguration(root, path));
  for (const path of contents.withheld) taken.withhold(path, pkg, why);
  awaitPrograms(work, pkg, contents, (path, by) => {
    // git starts its own git-upload-pack
    if (placeOf(by) !== 'library') useProgram(work, path, by);
  });
  for (const edge of dependenciesOf(packages, pkg)) follow(work, use, edge);
  for (const to of recommendedBy(packages, pkg))
    if (contents.programs.length > 0) awaitFiles(work, pkg, to, sharedDirectories(work, to));
}

/** The directory of a script that may be a command of a program which names only the directory: /usr/share/quilt/push. */
function commandDirectory(packages: Packages, path: BytePath, pkg: Package): readonly BytePath[] {
  if (!path.startsWith('/usr/') || lastComponent(path).includes('.')) return [];
  const directory = ownDirectory(path, (at) => packages.owner(at) === pkg);
  return directory === undefined ? [] : [directory];
}

/** Waits until a program or a file of settings of the same source names the other programs. */
function awaitPrograms(
  work: Work,
  pkg: Package,
  contents: Contents,
  found: (path: BytePath, by: BytePath) => void,
): void {
  for (const path of contents.programs.filter((path) => !work.taken.files.has(path)))
    for (const name of namesOf(path))
      work.mentions.awaitName(
        name,
        ifOf(work, pkg, (by) => found(path, by)),
      );
  addSettings(work, contents);
}

/** Also the name without triplet and version: gnatmake composes x86_64-linux-gnu-gnatbind-14 from "gnatbind". */
function namesOf(path: BytePath): readonly string[] {
  const name = lastComponent(path);
  const bare = /^\w+-linux-gnu\w*-([a-z]\w*)(?:-[\d.]+)?$/.exec(name)?.[1];
  return bare === undefined ? [name] : [name, bare];
}

// TeX has its configuration in /usr/share, which names /var/lib/texmf.
const CONFIGURATION = /^\/etc\/|\.(?:cnf|conf|cfg|ini)$/;

const MOST_SETTINGS = 1000;

/**
 * A small file without suffix can name the programs to start: groff reads the name of grotty in DESC, and ghc that of the C
 * compiler in `settings`.
 */
function addSettings({ root, mentions }: Work, { programs, helpers, data }: Contents): void {
  if (programs.length + helpers.length === 0) return;
  const named = data.filter((path) => !path.startsWith('/etc/') && !lastComponent(path).includes('.'));
  for (const path of named.slice(0, MOST_SETTINGS)) {
    const settings = readSettings(root, path);
    if (settings !== undefined) mentions.add(settings);
  }
}

/** Libraries for dlopen(3) that a program of the same source, or its configuration, names: mono's libmono-native.so. */
function awaitLibraries(work: Work, pkg: Package, libraries: readonly BytePath[]): void {
  for (const path of libraries) {
    const found = ifOf(work, pkg, (by) => {
      if (placeOf(by) !== 'library') work.taken.add(path, pkg, by);
    });
    work.mentions.awaitName(lastComponent(path), found);
  }
}

/** Of a package with dozens of programs, only data in a named directory is taken: perl-base's modules are in one. */
function awaitData({ reader, packages, mentions, taken }: Work, pkg: Package): void {
  const { helpers, data } = reader.contents(pkg);
  for (const path of [...helpers, ...data]) {
    const directory = ownDirectory(path, (at) => packages.source(at) === pkg.source);
    if (directory !== undefined && !directory.startsWith('/etc/'))
      mentions.awaitPath(directory, (by) => taken.add(path, pkg, by));
  }
}

/**
 * A dependency without programs is used for its data or libraries. One with programs may be needed only by a maintainer script
 * or in rare cases, so it is used when a program names it.
 */
function follow(work: Work, use: Use, { to, how }: Edge): void {
  const { reader, uses, packages } = work;
  const { pkg, why } = use;
  const isOfOneSource = to.source === pkg.source;
  // a script opens libraries by dlopen(3), so its package takes the libraries of its dependencies
  const withLibraries = !hasMachineCode(work, reader.contents(pkg));
  const made: Use = { pkg: to, extent: 'used', withLibraries: false, isAsked: false, why };
  if (how === 'rest') useRest(work, made);
  else if (use.extent === 'whole' && (isOfOneSource || !hasExecutables(reader.contents(pkg))))
    uses.add({ ...made, extent: 'whole', withLibraries });
  else if (how === 'whole' || reader.programs(to).length === 0) {
    if (!uses.add({ ...made, withLibraries }) || !isEmpty(reader.contents(to))) return;
    // pass depends on gnupg, which has nothing itself and depends on gpg
    for (const part of dependenciesOf(packages, to)) awaitDependency(work, pkg, part.to);
  } else {
    if (haveModulesInCommon(packages, pkg, to)) uses.add(made);
    else if (isOfOneSource) uses.add({ ...made, extent: 'data' });
    awaitFiles(work, pkg, to);
    awaitDependency(work, pkg, to);
  }
}

/** The full package adds data, also by its dependencies of the same source: valac-bin has no .vapi files, and valac needs them. */
function useRest(work: Work, use: Use): void {
  const { root, reader, uses, taken } = work;
  if (!uses.add({ ...use, extent: 'data' })) return;
  // by settings alone: a program names the others of the full package in messages too
  awaitPrograms(work, use.pkg, reader.contents(use.pkg), (path, by) => {
    if (placeOf(by) === 'other') taken.start(path, walk(root, path).path, use.pkg, by);
  });
}

/** Data needs the data that its package depends on: mono's class library comes by way of gacutil's package. */
function useDataOf({ packages, reader, uses }: Work, use: Use): void {
  for (const { to } of dependenciesOf(packages, use.pkg))
    if (to.source === use.pkg.source && reader.programs(to).length === 0)
      uses.add({ ...use, pkg: to, extent: 'data', isAsked: false });
}

function awaitDependency(work: Work, from: Package, to: Package): void {
  for (const path of [...work.reader.contents(to).programs, ...programsOfParts(work, to)]) {
    const found = (by: BytePath) => {
      // libkrb5 has the names of kadmin and of all other programs of its source; librustc_driver those that rustc starts
      if (placeOf(by) === 'library' && work.packages.source(by) === to.source) return;
      useProgram(work, path, by);
    };
    work.mentions.awaitName(lastComponent(path), ifOf(work, from, found));
  }
}

/** Waits until a program names a helper or a directory of another package. */
function awaitFiles(work: Work, from: Package, to: Package, shared: readonly BytePath[] = []): void {
  const { reader, uses, mentions, listening } = work;
  const { helpers, data } = reader.contents(to);
  listening.add(from.source);
  const use = ifOf(work, from, (by) => {
    uses.add({ pkg: to, extent: 'used', withLibraries: false, isAsked: false, why: by });
  });
  for (const path of helpers) mentions.awaitName(lastComponent(path), use);
  const own = [...helpers, ...data].flatMap((path) => directoriesOf(work, path, to));
  for (const directory of new Set([...own, ...shared])) mentions.awaitPath(directory, use);
}

/** Programs in dependencies of the same source: ocaml starts x86_64-linux-gnu-gcc, which is in a dependency of gcc. */
export function programsOfParts({ packages, reader }: Work, pkg: Package): readonly BytePath[] {
  return dependenciesOf(packages, pkg)
    .filter(({ to }) => to.source === pkg.source)
    .flatMap(({ to }) => reader.programs(to));
}
