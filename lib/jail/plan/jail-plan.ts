// Plans the content of a jail, with a reason for each file, from the recipe and the root. Changes nothing.

import type { CacheEntry } from '../../binary/cache.ts';
import type { MissingFile } from '../../binary/closure.ts';
import type { Cpu } from '../../binary/machine.ts';
import { type BytePath, bytePath, lastComponent, toLatin1 } from '../../tree/path.ts';
import { rememberReads } from '../../tree/remembered-root.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import type { HostDatabase } from '../dpkg/host-database.ts';
import { originOf } from '../dpkg/package-status.ts';
import { readIfThere } from '../dpkg/readable-files.ts';
import { openImports, openStrings } from '../dpkg/sections.ts';
import { mergedDirectories, mountPoints } from '../manifest/layout.ts';
import type { RecordedPack } from '../manifest/manifest.ts';
import { type Origin, parseSystem, type System } from '../manifest/origin.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { symbols } from '../packs/index.ts';
import type { JailUser } from '../packs/pack.ts';
import type { Steps } from '../work/steps.ts';
import { type UnknownAccount, unknownAccounts } from './unknown-accounts.ts';
import { cacheEntriesOf } from './library-cache.ts';
import { type LargePlugin, largePlugins, LISTING } from './plugins.ts';
import { type Executables, openExecutables } from './needed-files.ts';
import { openFacts } from './facts.ts';
import { openPackageFiles, type Wanted } from './package.ts';
import { openPacks } from './chosen-packs.ts';
import { Selection, type SelectionOptions } from './selection.ts';

export interface PlanSource {
  readonly root: FileRoot;
  readonly cpu: Cpu;
  /** The accounts of the recipe's users on the host. */
  readonly users: readonly JailUser[];
  /** Directories of the root from which nothing is taken: the jail itself. */
  readonly outside?: readonly BytePath[];
  /** That of the root, if it was read already. */
  readonly database?: HostDatabase | undefined;
}

export interface JailPlan {
  /** Each path once, a directory before its content. */
  readonly entries: readonly Entry[];
  readonly packs: readonly RecordedPack[];
  /** The name of the package of a path of the root. */
  readonly packageOf: (path: BytePath) => string | undefined;
  readonly versionOf: (name: string) => string | undefined;
  readonly originOf: (name: string) => Origin | undefined;
  readonly system: System | undefined;
  /** Libraries that a loader in the jail finds only by /etc/ld.so.cache. */
  readonly cacheEntries: readonly CacheEntry[];
  /** The byte order of the programs, and so of that cache. */
  readonly endian: 'little' | 'big';
  /** Missing files without which a requested program cannot start; the jail must not be built then. */
  readonly missing: readonly MissingFile[];
  /** Missing files of other copied files: mostly libraries of plugins, which the host does not have either. */
  readonly incomplete: readonly MissingFile[];
  /** Large parts of packages that were left out, because programs in a jail do not need them. */
  readonly optional: readonly BytePath[];
  readonly large: readonly LargePlugin[];
  /** Programs and packages that the requested programs may use, but that are not in the jail. */
  readonly wanted: Wanted;
  /** Accounts that a configuration file in the jail names, but that the jail does not have. */
  readonly accounts: readonly UnknownAccount[];
  /** Paths of `without` that left nothing out. */
  readonly unused: readonly BytePath[];
  /** Files that were left out because they are not world-readable. */
  readonly secrets: readonly BytePath[];
  /** Copies that were left out because they are neither file nor directory. */
  readonly special: readonly BytePath[];
  readonly hidden: Selection['hidden'];
  /** Requested programs and files that do not exist; the jail must not be built then. */
  readonly absent: readonly BytePath[];
  /** Requested packs of which the root has no file; the jail must not be built then. */
  readonly barren: readonly string[];
  /** Files that a learned command opened and that no longer exist. */
  readonly vanished: readonly BytePath[];
  /** Libraries that the host has only for certain processors. */
  readonly onlyHere: readonly BytePath[];
}

/** PATH of env(1) in the jail: the value that uchroot sets for an ordinary user. */
const JAIL_PATH = '/usr/local/bin:/usr/bin:/bin';

function addRequested(
  root: FileRoot,
  selection: Selection,
  recipe: Recipe,
): Pick<JailPlan, 'absent' | 'vanished'> {
  for (const path of mergedDirectories)
    if (root.lstat(path)?.kind === 'symlink') selection.addPath(path, { how: 'layout' });
  const absent: BytePath[] = [];
  // Of two copies at a path, that with the more exact destination counts.
  const copies = recipe.copies.toSorted((a, b) => b.to.length - a.to.length);
  for (const { from, to } of copies) if (!selection.addCopy(from, to)) absent.push(from);
  for (const path of recipe.programs)
    if (selection.addPath(path, { how: 'asked' }) === undefined) absent.push(path);
  const vanished: BytePath[] = [];
  for (const { command, files, directories } of recipe.learned)
    for (const path of [...directories, ...files]) {
      selection.addPath(path, { how: 'learned', as: bytePath(command) });
      if (walk(root, path).kind !== 'found') vanished.push(path); // others are left out for a reason, as secrets are
    }
  return { absent, vanished };
}

// Last: a pack or a copy may have put something there, with a mode of its own. A jail without pack base has nothing but its programs.
function addMountPoints(selection: Selection, packs: readonly RecordedPack[]): void {
  if (!packs.some(({ name }) => name === 'base')) return;
  for (const path of mountPoints)
    if (selection.get(path) === undefined)
      selection.add({ kind: 'directory', path, mode: 0o755, reason: { how: 'layout' } });
}

/** The ids of the users, whose files may keep their owner. */
function ownersAmong(users: readonly JailUser[]): SelectionOptions['owners'] {
  return {
    uids: new Set(users.map(({ uid }) => uid)),
    gids: new Set(users.flatMap(({ groups }) => groups.map(({ gid }) => gid))),
  };
}

/**
 * Plans a jail: the programs with their interpreters, loaders and libraries, files of packages, packs by their signs, and
 * all symbolic links to them. Libraries are planned both for this processor and for every processor of the architecture, so
 * that a jail built on a new machine works on an old one.
 * @throws UsageError for an unknown package or pack, or a path that would be a directory and a file; system errors of the root, such as EIO.
 */
export function* planJail(recipe: Recipe, source: PlanSource): Steps<JailPlan> {
  const { cpu, users, outside, database } = source;
  const root = rememberReads(source.root);
  const selection = new Selection(root, {
    owners: ownersAmong(users),
    keepPrivileges: new Set(recipe.keepPrivileges.map((path) => walk(root, path).path)),
    without: recipe.without,
    ...(outside && { outside }),
  });
  const { absent, vanished } = addRequested(root, selection, recipe);

  const strings = openStrings(root);
  const imports = openImports(root, [...symbols, ...LISTING]);
  const packages = openPackageFiles(root, selection, users, recipe, { strings, imports, database });
  const executables = openExecutables(root, selection, {
    cpu,
    path: JAIL_PATH,
    programs: recipe.programs,
    imports,
    isStarted: (path) => packages.isStarted(path),
  });
  const packs = openPacks(root, selection, recipe, users, strings);
  const facts = openFacts(root, {
    imports,
    isBasic: (path) => packages.isBasic(path),
    sourceOf: (path) => packages.sourceOf(path),
    paths: () => selection.paths(),
  });
  // Until nothing is added: a pack adds a program, which needs a library, which is the sign of another pack.
  for (;;) {
    const found = yield* executables.follow();
    yield* facts.learn(found);
    if (yield* packages.follow(found)) continue;
    if (!(yield* packs.follow(facts, packages))) break;
  }
  addMountPoints(selection, packs.chosen());

  return {
    entries: selection.entries(),
    packs: packs.chosen(),
    packageOf: (path) => packages.of(path),
    versionOf: (name) => packages.find(name)?.version,
    originOf: (name) => originOf(packages.find(name)),
    system: parseSystem(toLatin1(readIfThere(root, bytePath('/etc/os-release'), 1 << 16))),
    cacheEntries: cacheEntriesOf(root, executables.portable),
    endian: executables.endian(),
    ...lost(selection, executables),
    optional: packages.leftOut().filter((path) => selection.get(path) === undefined),
    large: largePlugins(selection.entries(), executables.needs),
    wanted: packages.wanted(),
    accounts: unknownAccounts(root, selection.entries(), users),
    unused: selection.unused(),
    secrets: selection.secrets,
    special: selection.special,
    hidden: selection.hidden,
    absent,
    barren: packs.barren(),
    vanished,
  };
}

function lost(
  selection: Selection,
  { missing, incomplete, onlyHere }: Executables,
): Pick<JailPlan, 'missing' | 'incomplete' | 'onlyHere'> {
  const isThere = new Set(selection.entries().map(({ path }) => lastComponent(path)));
  return {
    missing,
    // the loader may find a library of a plugin by the RPATH of the program that loads it
    incomplete: incomplete.filter(({ path }) => !isThere.has(lastComponent(path))),
    onlyHere: [...onlyHere].filter((path) => !isThere.has(lastComponent(path))),
  };
}
