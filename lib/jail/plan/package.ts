// Adds files of Debian packages: the requested packages, and the data that programs need.

import { type BytePath, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { UsageError } from '../../errors.ts';
import { nearest } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { bySudo, commandLine, eachAlone } from '../../words/shell-word.ts';
import { type Choice, choose } from '../dpkg/choice.ts';
import { openPackages, type Package, type Packages } from '../dpkg/database.ts';
import type { HostDatabase } from '../dpkg/host-database.ts';
import { optionalPart } from '../dpkg/file-place.ts';
import { extensionsOf } from '../dpkg/suggestions.ts';
import { openReading, type ReadPrograms, type Suggestion } from '../dpkg/choice-state.ts';
import { type StateDirectory, stateOf } from '../dpkg/service-directories.ts';
import { isScriptFor } from '../dpkg/script-calls.ts';
import type { Reason } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailUser } from '../packs/pack.ts';
import { toText } from '../manifest/path-text.ts';
import type { JailWarning } from '../work/jail-warning.ts';
import type { Steps } from '../work/steps.ts';
import type { Executable } from './needed-files.ts';
import type { Selection } from './selection.ts';

export interface Wanted {
  /** Programs that they name. */
  readonly programs: readonly Suggestion[];
  /** Names of packages that extend them. */
  readonly packages: readonly string[];
}

function openDatabase(
  root: FileRoot,
  [asked]: readonly string[],
  database: HostDatabase | undefined,
): Packages | undefined {
  const packages = database === undefined ? openPackages(root) : database.packages;
  if (packages !== undefined || asked === undefined) return packages;
  throw new UsageError('there is no dpkg database to take packages from', {
    hint: 'leave --package out: name programs, and bring data with --copy',
  });
}

/** @throws UsageError for a package of the recipe that is not installed. */
export function openPackageFiles(
  root: FileRoot,
  selection: Selection,
  users: readonly JailUser[],
  { packages: asked, programs: named }: Pick<Recipe, 'packages' | 'programs'>,
  { database, ...read }: ReadPrograms & { readonly database?: HostDatabase | undefined },
) {
  const packages = openDatabase(root, asked, database);
  const reading = packages && openReading(root, packages, read);
  // With their places in the jail. Under the requested names: /usr/bin/latex is a link, in a package of its own, to pdftex.
  const programs = new Map(named.map((path) => [path, path]));
  let scripts: ReadonlyMap<BytePath, BytePath> = new Map();
  const placeOf = (source: BytePath) => programs.get(source) ?? scripts.get(source) ?? source;
  const whole = new Set(packages && asked.map((name) => findPackage(packages, name)));
  const [idle, leftOut] = [new Set<BytePath>(), new Set<BytePath>()];
  let last: Choice | undefined;
  let done = 0;

  function* follow(executables: readonly Executable[]): Steps<boolean> {
    for (const { source, path, entry } of executables)
      if (isProgram(entry.reason)) programs.set(source, path);
    if (reading === undefined || programs.size + whole.size === done) return false;
    done = programs.size + whole.size;
    scripts = copiedScripts(selection, [...programs.keys()]);
    const names = { programs: [...programs.keys()], scripts: [...scripts.keys()] };
    last = yield* choose(reading, { ...names, packages: [...whole] });
    addChoice(last);
    addStates(selection, users, stateOf(root, reading.packages, last));
    return true;
  }

  function addChoice({ files, withheld }: Choice): void {
    for (const { path, package: pkg, why, started } of [...files, ...withheld]) {
      // a package that was requested by name is taken as a whole
      const part = why === undefined ? undefined : optionalPart(path);
      if (part !== undefined) leftOut.add(part);
      if (part !== undefined || (pkg === undefined && placeOf(path) !== path)) continue;
      if (!started) idle.add(walk(root, path).path);
      const by = why === undefined ? undefined : placeOf(walk(root, why).path);
      selection.addPath(path, { how: 'package', as: pkg?.name ?? '', by });
    }
  }

  return {
    take: (name: string): void => {
      const pkg = packages?.find(name);
      if (pkg !== undefined) whole.add(pkg);
    },
    /** Adds what the new programs need, and the packages that were taken since; false if there is nothing new. */
    follow,
    isStarted: (path: BytePath) => !idle.has(path),
    /** True for a file of an Essential package, except perl's. */
    isBasic: (path: BytePath) => isBasic(packages?.owner(path)),
    of: (path: BytePath) => packages?.owner(path)?.name,
    sourceOf: (path: BytePath) => packages?.source(path),
    find: (name: string) => packages?.find(name),
    leftOut: () => [...leftOut],
    wanted: () => wantedOf(root, packages, selection, named, last),
  };
}

/** The copied scripts that one of the programs interprets, with their places in the jail. */
function copiedScripts(selection: Selection, programs: readonly BytePath[]): ReadonlyMap<BytePath, BytePath> {
  const scripts = selection.copies().filter(({ source }) => isScriptFor(source, programs));
  return new Map(scripts.map(({ source, path }) => [source, path]));
}

function wantedOf(
  root: FileRoot,
  packages: Packages | undefined,
  selection: Selection,
  named: readonly BytePath[],
  choice: Choice | undefined,
): Wanted {
  if (packages === undefined || choice === undefined) return { programs: [], packages: [] };
  const owners = new Set(named.flatMap((path) => packages.owner(walk(root, path).path) ?? []));
  const sources = new Set(Array.from(owners, ({ source }) => source));
  const used = new Set(choice.packages.map((chosen) => chosen.package));
  const programs = choice.suggested.filter(
    ({ path, by }) =>
      sources.has(packages.source(by) ?? '') && selection.get(walk(root, path).path) === undefined,
  );
  const shortest = programs.toSorted((a, b) => a.path.length - b.path.length);
  // one of a source: zip names unzip and unzipsfx, and tar xz and the link lzma
  const sourceOf = (path: BytePath) => packages.source(walk(root, path).path);
  const first = new Map(shortest.toReversed().map((one) => [sourceOf(one.path), one]));
  const extensions = new Set([...owners].flatMap((owner) => extensionsOf(root, packages, owner, named)));
  return {
    programs: [...first.values()].toReversed(),
    packages: [...extensions].filter((pkg) => !used.has(pkg)).map(({ name }) => name),
  };
}

// In the jail the service runs as the jail's user from the start. A directory that root owns on the host stays root's, unless
// the service writes there: otherwise the user could place code where other programs look for it.
function addStates(
  selection: Selection,
  users: readonly JailUser[],
  directories: readonly StateDirectory[],
): void {
  const [user] = users;
  for (const { path, package: pkg, mode, uid, gid, isService } of directories) {
    // the pack `run` creates /run
    if (path === '/run') continue;
    const isTheirs = users.some((other) => other.uid === uid);
    const isKept = user === undefined || isTheirs || (uid === 0 && isService !== true);
    const owner = isKept ? { uid, gid } : { uid: user.uid, gid: user.gid };
    const reason = { how: 'state', as: pkg.name } as const;
    selection.add({ kind: 'directory', path, mode: mode & 0o1777, ...owner, reason });
  }
}

/** Whether a file counts as a program to follow: not a file of a package, nor one that a learned command opened. */
function isProgram({ how }: Reason): boolean {
  return how === 'asked' || how === 'interpreter' || how === 'command' || how === 'pack' || how === 'copied';
}

function isBasic(owner: Package | undefined): boolean {
  return owner?.essential === true && !owner.name.startsWith('perl');
}

// deb-control(5), Package
const nameOfPackage = /^[a-z0-9][a-z0-9+.-]+$/;

function findPackage(packages: Packages, name: string): Package {
  const found = packages.find(name);
  if (found !== undefined) return found;
  const [, plain] = /^([a-z0-9][a-z0-9+.-]+)[=:@/]/.exec(name) ?? [];
  if (plain !== undefined && packages.find(plain) !== undefined)
    throw new UsageError(`package ${quote(name)} is not installed on the host`, {
      hint: `write --package ${plain}: the jail gets the one that is installed`,
    });
  const meant = nearest(
    name,
    packages.all.map((other) => other.name),
  );
  throw new UsageError(`package ${quote(name)} is not installed on the host`, {
    hint:
      eachAlone('--package', name) ??
      (meant === undefined
        ? nameOfPackage.test(name)
          ? bySudo(`apt-get install ${name}`)
          : 'a name has small letters, digits and + - . alone: dpkg -l lists the packages'
        : `did you mean ${meant}?`),
  });
}

/** Warnings with the lines that add further things that the programs may use. */
export function wantedWarnings({ programs, packages }: Wanted, directory: BytePath): readonly JailWarning[] {
  const warnings: JailWarning[] = [];
  const [first] = programs;
  if (first !== undefined) {
    const found = programs.map(({ path }) => path);
    const line = commandLine('uchroot-jail', 'build', directory, ...found);
    const message = `${showPath(first.by)} may start ${found.map(showPath).join(' ')}: ${line} adds that`;
    const paths = programs.map(({ path }) => toText(path));
    warnings.push({ kind: 'program', by: toText(first.by), paths, message });
  }
  if (packages.length > 0) {
    const names = packages.flatMap((name) => ['--package', name]);
    const line = commandLine('uchroot-jail', 'build', directory, ...names);
    const message = `further parts of the programs: ${line} adds them`;
    warnings.push({ kind: 'package', packages, message });
  }
  return warnings;
}
