// Chooses the files of Debian packages that a jail needs and that no ELF header names.

import { type BytePath, toLatin1 } from '../../tree/path.ts';
import type { Steps } from '../work/steps.ts';
import { assignedIn, callsOf, isShell, modulesOf, type Script } from './script-calls.ts';
import { commandsInData } from './data-commands.ts';
import type { Package } from './database.ts';
import type { Executable } from './scanned-program.ts';
import { findPlugins } from './dependencies.ts';
import { placeOf } from './file-place.ts';
import { take, useProgram } from './reach.ts';
import { readIfThere, statusIfThere } from './readable-files.ts';
import { awaitSuggested, suggestCommands, suggestNamed } from './suggestions.ts';
import {
  type ChosenFile,
  type Extent,
  openWork,
  type Reading,
  type Suggestion,
  type Work,
} from './choice-state.ts';

interface ChosenPackage {
  readonly package: Package;
  readonly extent: Extent;
}

export interface Choice {
  readonly files: readonly ChosenFile[];
  /** In the order in which they were found. */
  readonly packages: readonly ChosenPackage[];
  /** Files that are not world-readable and may contain a secret; they are not in `files`. */
  readonly withheld: readonly ChosenFile[];
  /** Programs that are named, but not in `files`. */
  readonly suggested: readonly Suggestion[];
}

/**
 * Finds what the requested programs and packages need, by Depends and by the names in the programs. Shared libraries are left
 * to the closures of ELF files, except those that only scripts use.
 * @throws system errors of the root, such as EIO.
 */
export function* choose(
  reading: Reading,
  request: {
    readonly programs: readonly BytePath[];
    readonly packages: readonly Package[];
    /** Scripts that nobody can execute: an interpreter is started with them. */
    readonly scripts?: readonly BytePath[];
  },
): Steps<Choice> {
  const work = openWork(reading);
  const { uses, mentions, taken } = work;
  for (const pkg of request.packages)
    uses.add({ pkg, extent: 'whole', withLibraries: true, isAsked: true, why: undefined });
  for (const path of request.programs) useProgram(work, path, path, { isAsked: true });
  for (const path of request.scripts ?? [])
    useModules(work, { path, interpreters: [], text: toLatin1(readIfThere(reading.root, path, MOST_BYTES)) });
  do {
    for (let use = uses.next(); use !== undefined; use = uses.next()) {
      take(work, use);
      if (use.isAsked) awaitSuggested(work, use.pkg);
      yield;
      if (use.extent === 'used' || use.extent === 'whole') yield* startNamedInData(work, use.pkg);
    }
    for (let next = taken.takeFresh(); next !== undefined; next = taken.takeFresh()) {
      lookInto(work, next);
      yield;
      yield* startCalled(work, next);
    }
    addLibraries(work);
  } while ((yield* mentions.search()) || usePlugins(work));
  return {
    files: [...taken.files.values()],
    packages: uses.all().map(({ pkg, extent }) => ({ package: pkg, extent })),
    withheld: [...taken.withheld.values()],
    suggested: [...work.suggested.values()].filter(({ path }) => !taken.files.has(path)),
  };
}

function lookInto(work: Work, executable: Executable): void {
  const { packages, commands, mentions, taken } = work;
  const { path, kind, interpreters, linked, text } = executable;
  const from = packages.owner(path);
  const start = (program: BytePath | undefined, how: { readonly isPart?: boolean } = {}) => {
    if (program !== undefined) useProgram(work, program, path, how);
  };
  // a shell script that calls perl, as git's do, needs only the modules of perl-base
  const isPart = from !== undefined;
  for (const name of interpreters) start(name.includes('/') ? name : commands.inPath(name));
  // the script of a package gets its commands by Depends; a script without a package only by its text
  if (from !== undefined && interpreters.some(isShell))
    for (const name of assignedIn(text)) start(commands.inBase(name), { isPart });
  for (const name of executable.commands)
    start(isPart ? commands.inBase(name) : commands.inPath(name), { isPart });
  if (from === undefined) useModules(work, executable);
  for (const file of linked) taken.add(file, packages.owner(file), path);
  for (const file of filesNamedIn(work, executable)) taken.add(file, packages.owner(file), path);
  suggestNamed(work, executable);
  if (kind !== 'linker-script') mentions.add(executable);
}

function useModules({ root, packages, uses }: Work, script: Script): void {
  const { path } = script;
  for (const module of modulesOf(root, packages, script)) {
    const pkg = packages.owner(module);
    if (pkg !== undefined) uses.add({ pkg, extent: 'used', withLibraries: false, isAsked: false, why: path });
  }
}

/** Adds the tools of Essential packages that a script and the modules of its package call, and suggests others that they start. */
function* startCalled(work: Work, executable: Executable): Steps<void> {
  const { kind, path, interpreters, text } = executable;
  const { root, packages, reader, commands, called } = work;
  const from = packages.owner(path);
  if (kind !== 'script' || from === undefined || interpreters.some(isShell)) return;
  const modules = called.has(from) ? [] : reader.contents(from).data;
  called.add(from);
  const calls = yield* callsOf(root, text, modules);
  suggestCommands(work, path, calls.started);
  for (const name of calls.called) {
    const program = commands.inBase(name);
    if (program !== undefined) useProgram(work, program, path, { isPart: true });
  }
}

const MOST_MODULES = 40;

/**
 * Adds the tools of Essential packages that data of a requested source, or of a small library of Erlang, names as commands, and suggests
 * others.
 */
function* startNamedInData(work: Work, pkg: Package): Steps<void> {
  const { root, reader, commands, asked } = work;
  const { data } = reader.contents(pkg);
  // os_mon starts df for whoever uses it, and ends without it
  const isSmallLibrary = data.length <= MOST_MODULES && data.some((path) => path.endsWith('.beam'));
  if (!asked.has(pkg.source) && !isSmallLibrary) return;
  for (const path of data) {
    const names = commandsInData(root, path);
    if (names.size === 0) continue;
    yield;
    suggestCommands(work, path, names);
    for (const name of names) {
      const program = commands.inBase(name);
      if (program !== undefined) useProgram(work, program, path, { isPart: true });
    }
  }
}

const MOST_BYTES = 1 << 20;

/**
 * Files of other packages that a script names by path: a script of lighttpd reads /etc/mime.types of media-types. Also directories
 * that its package shares with others, without their content: aclocal ends if it cannot list /usr/share/aclocal.
 */
function filesNamedIn({ root, packages }: Work, { kind, text, path }: Executable): readonly BytePath[] {
  if (kind !== 'script') return [];
  const named = new Set(text.match(/\/(?:etc|usr\/share)\/[\w.+/-]*\w/g) as BytePath[] | null);
  const pkg = packages.owner(path);
  const own = pkg?.source;
  const isOwnDirectory = (directory: BytePath) =>
    pkg !== undefined && placeOf(directory) === 'other' && packages.files(pkg).includes(directory);
  return [...named].filter((file) => {
    const status = statusIfThere(root, file);
    const owner = packages.owner(file);
    if (status?.kind === 'directory') return isOwnDirectory(file);
    if (status?.kind !== 'file' || owner === undefined || owner.source === own) return false;
    return status.sizeBytes <= MOST_BYTES && (status.mode & 0o004) !== 0 && placeOf(file) === 'other';
  });
}

/** A library can name what a program of the same source starts: rustc's names are in librustc_driver. */
function addLibraries({ uses, reader, look, mentions, listening, searched }: Work): void {
  for (const { pkg, extent } of uses.all()) {
    if (!listening.has(pkg.source) || searched.has(pkg) || extent === 'programs') continue;
    searched.add(pkg);
    for (const path of reader.contents(pkg).libraries) {
      const library = look(path);
      if (library?.kind === 'elf') mentions.add(library);
    }
  }
}

/** Adds plugins that configuration files load; true if there are new ones. */
function usePlugins({ root, packages, uses, taken }: Work): boolean {
  const used = new Set(uses.all().flatMap(({ pkg, extent }) => (extent === 'programs' ? [] : [pkg])));
  const plugins = findPlugins(root, packages, used, taken.files.keys());
  for (const { pkg, by } of plugins)
    uses.add({ pkg, extent: 'used', withLibraries: false, isAsked: false, why: by });
  return plugins.length > 0;
}
