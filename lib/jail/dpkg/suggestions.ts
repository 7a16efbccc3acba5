// Finds things that a program may use and that its jail does not get: programs that it names, and packages that extend it.

import { type BytePath, lastComponent, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { isExecutable, walk } from '../../tree/walk.ts';
import { lookOr } from '../../words/system-error.ts';
import { ifOf, type Work } from './choice-state.ts';
import type { Package, Packages } from './database.ts';
import { isForDevelopment, isForLinker, isForSystem, isInterpreter, provides } from './dependencies.ts';
import { commandsInStrings, commandsInVariables, compressorsIn, toolsIn } from './named-commands.ts';
import { placeOf } from './file-place.ts';
import { LOOKING_UP } from './sections.ts';
import { programsOfParts, useProgram } from './reach.ts';
import type { Executable } from './scanned-program.ts';
import { isShell } from './script-calls.ts';

// A name such as x86_64-linux-gnu-gcc or, of the same source, my_print_defaults is no word of a message.
const WITH_TRIPLET = /^\w+-linux-gnu\w*-/;
const COMPOSED = /\w[-_]\w/;

/**
 * Waits until a program of the package names one that its package only recommends or suggests, or one of the same source. A
 * compiler of a language may also name a C compiler without any relation to it.
 */
export function awaitSuggested(work: Work, pkg: Package): void {
  const { root, packages, reader, mentions, listening, suggested, asked } = work;
  const named = (groups: Package['depends']) =>
    groups.flatMap((group) => packages.satisfy(group, pkg.architecture) ?? []);
  const extras = new Set(named(pkg.suggests));
  const others = [...named(pkg.recommends), ...extras];
  asked.add(pkg.source);
  const siblings = packages.all.filter((other) => other.source === pkg.source && other !== pkg);
  const isCompiler = isForDevelopment(pkg);
  // csc names its compiler in a library
  if (isCompiler) listening.add(pkg.source);
  const tools = isCompiler ? packages.all.flatMap((other) => compilerTools(work, other)) : [];
  const programsOf = (to: Package) => reader.programs(to).concat(programsOfParts(work, to));
  // a program that is only suggested is never brought
  const onlySuggested = new Set([...extras].flatMap(programsOf));
  for (const path of new Set([...[...others, ...siblings].flatMap(programsOf), ...tools])) {
    const name = lastComponent(path);
    const isOwn = packages.source(walk(root, path).path) === pkg.source;
    const found = (by: BytePath) => {
      const isSure =
        WITH_TRIPLET.test(name) || (isOwn && COMPOSED.test(name) && work.look(by)?.kind === 'script');
      if (isSure && !onlySuggested.has(path)) useProgram(work, path, by);
      else if (!isOwn) suggested.set(path, { path, by });
    };
    mentions.awaitName(name, ifOf(work, pkg, found));
  }
}

/** Suggests programs of other sources that an executable of a requested one names, without those of Essential packages. */
export function suggestCommands(work: Work, path: BytePath, names: Iterable<string>): void {
  const { root, packages, asked, suggested, commands } = work;
  // inPath first: few names are those of programs, and inBase has all Essential packages read
  const found = [...names].filter(
    (name) => commands.inPath(name) !== undefined && commands.inBase(name) === undefined,
  );
  const source = packages.source(path);
  if (source === undefined || !asked.has(source)) return;
  for (const program of found.flatMap((name) => commands.inPath(name) ?? [])) {
    // ex is a link of update-alternatives, which no package owns
    const end = walk(root, program).path;
    const owner = packages.owner(end);
    // such as service(8), which no jail can use
    if (owner !== undefined && isForSystem(owner)) continue;
    if (packages.source(end) !== source) suggested.set(program, { path: program, by: path });
  }
}

/** Suggests the commands that a compiled program or shell script of a requested source names. */
export function suggestNamed(work: Work, executable: Executable): void {
  const { root, packages, asked } = work;
  const { path, kind, interpreters, text } = executable;
  if (!asked.has(packages.source(path) ?? '')) return;
  if (interpreters.some(isShell)) suggestCommands(work, path, commandsInVariables(text));
  if (kind !== 'elf') return;
  const strings = work.strings(path);
  suggestCommands(work, path, commandsInStrings(strings));
  // 7z and lighttpd name formats that they read or send themselves, and look no program up
  const isLooking = looksUp(work, path);
  const compressors = isLooking ? compressorsIn(root, path, strings) : [];
  suggestCommands(work, path, compressors);
  startTools(work, path, [...compressors, ...toolsIn(strings, isLooking)]);
}

function looksUp({ packages, imports }: Work, path: BytePath): boolean {
  if (isInterpreter(packages.owner(path))) return false;
  const found = lookOr(new Set<string>(), () => imports(path));
  return LOOKING_UP.some((name) => found.has(name));
}

/** Uses the tools of Essential packages, which are small. A shell and perl have signs of their own. */
function startTools(work: Work, by: BytePath, names: Iterable<string>): void {
  const { packages, commands } = work;
  const from = packages.owner(by);
  const own = from === undefined ? [] : packages.files(from);
  for (const name of names) {
    const program = commands.inBase(name);
    // git has a git-grep of its own
    if (program === undefined || own.some((path) => path.endsWith(`-${name}`))) continue;
    if (isShell(program) || packages.owner(program)?.name.startsWith('perl') === true) continue;
    useProgram(work, program, by, { isPart: from !== undefined });
  }
}

/** The compiler that is cc on the root, without the name cc, which is also a suffix of files; tools such as pkg-config. */
function compilerTools(work: Work, pkg: Package): readonly BytePath[] {
  const programs = work.reader.programs(pkg);
  const isCompiler = provides(pkg, 'c-compiler') && programs.some((path) => lastComponent(path) === 'cc');
  if (isCompiler)
    return [...programs, ...programsOfParts(work, pkg)].filter((path) => lastComponent(path).length > 2);
  return pkg.section === 'devel'
    ? programs.filter((path) => /^[a-z]+-[a-z]+$/.test(lastComponent(path)))
    : [];
}

/** Packages with further parts of `programs`: they need their package `pkg`, and put files into a directory of it. */
export function extensionsOf(
  root: FileRoot,
  packages: Packages,
  pkg: Package,
  programs: readonly BytePath[],
): readonly Package[] {
  const needs = ({ preDepends, depends }: Package) =>
    [...preDepends, ...depends].some((group) => group.includes(pkg.name));
  // git starts git-send-email as its own command; ssh does not start sftp-server beside its helpers
  const isCommand = (path: BytePath) =>
    programs.some((program) => lastComponent(path).startsWith(`${lastComponent(program)}-`));
  const isFor = (path: BytePath) =>
    isPartOf(packages, path, pkg) && (!isExecutable(root, path) || path.includes('.so') || isCommand(path));
  return packages.all.filter(
    (other) =>
      other !== pkg &&
      other.source === pkg.source &&
      !isForLinker(other) &&
      needs(other) &&
      packages.files(other).some(isFor),
  );
}

function isPartOf(packages: Packages, path: BytePath, pkg: Package): boolean {
  const directory = parentPath(path);
  return (
    placeOf(path) === 'other' &&
    packages.files(pkg).includes(directory) &&
    packages.source(directory) === pkg.source
  );
}
