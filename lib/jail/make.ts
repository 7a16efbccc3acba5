// Makes the jail of a recipe: plans, checks the place, puts everything there, and tries whether it works.

import { type BytePath, bytePath, pathBytes, showPath } from '../binary/path.ts';
import { type DirectoryRoot, type FileRoot, openFileRoot } from '../binary/root.ts';
import { rememberStatus } from '../binary/remembered-root.ts';
import { walk } from '../binary/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { type Applying, applyPlan, foreseePlan } from './apply/apply.ts';
import { isAtOrIn } from './apply/grounds.ts';
import type { Left } from './apply/left.ts';
import { openStore, type Store } from './apply/store.ts';
import { openJailDirectory } from './host/directory.ts';
import type { Host } from './host/host.ts';
import { hashInJail } from './manifest/hash.ts';
import { STORE } from './manifest/layout.ts';
import { type Manifest, MANIFEST_PATH, readManifest } from './manifest/manifest.ts';
import type { Recipe } from './manifest/recipe.ts';
import { packOf } from './packs/index.ts';
import { type JailPlan, planJail } from './plan/plan.ts';
import type { JailWork } from './request/request.ts';
import { readUsers } from './request/users.ts';
import { searchWarnings } from './search/warn.ts';
import { warningsOf, withHint } from './tell.ts';
import { tryOut } from './try.ts';
import { lacks, type Placed, verifyPrograms } from './verify.ts';
import { begin } from './work/progress.ts';
import { gradually } from './work/steps.ts';

export interface Making {
  readonly host: Host;
  /** The jail, as an absolute path of the host. */
  readonly directory: BytePath;
  /** What the jail is to be made of; it is asked again if somebody else has changed the jail meanwhile. */
  readonly recipeFor: (before: Manifest | undefined) => Recipe;
  /** Paths to be left out that are asked for now: there must be something of each. */
  readonly without?: readonly BytePath[];
  /** Paths of the jail that are replaced, whatever has become of them there. */
  readonly replace: readonly BytePath[];
  readonly work: Pick<JailWork, 'signal' | 'onProgress'>;
}

export interface Made {
  readonly before: Manifest | undefined;
  readonly after: Manifest;
  readonly optional: JailPlan['optional'];
  /** What was left in the jail as it is, although something else is planned. */
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
  /** What does not work although everything is in place. */
  readonly failures: readonly string[];
}

/** Says what making the jail would change, and changes nothing. `jail` is undefined where there is none yet. */
export async function foreseeJail(making: Making, jail: DirectoryRoot | undefined): Promise<Made> {
  const before = jail && readManifest(jail);
  const recipe = making.recipeFor(before);
  const source = rememberStatus(making.host.root);
  const plan = await planFor(recipe, making, source);
  if (jail !== undefined) checkPlace(plan, source, jail, { from: recipe.from, directory: making.directory });
  checkReplace(making.replace, plan, before);
  const foreseeing = { source, jail, before, replace: making.replace, signal: making.work.signal };
  const { manifest: after, left, warnings } = await foreseePlan(recipe, plan, foreseeing);
  const { optional } = plan;
  return {
    before,
    after,
    optional,
    left,
    warnings: [...warningsOf(plan, making.directory), ...warnings],
    failures: [],
  };
}

/** @throws JailError, UsageError; the jail is as it was then. */
export async function makeJail(making: Making): Promise<Made> {
  const opened = openJailDirectory(pathBytes(making.directory));
  try {
    return await makeIn({ jail: openFileRoot(opened.fd), directory: opened.path }, making);
  } catch (error) {
    opened.undo();
    throw error;
  } finally {
    opened.close();
  }
}

async function makeIn(
  { jail, directory }: Pick<Applying, 'jail' | 'directory'>,
  making: Making,
): Promise<Made> {
  const { host, replace, work } = making;
  const source = rememberStatus(host.root);
  const { store, before, recipe, plan } = await planUnderLock(jail, making, source);
  try {
    const { signal, onProgress } = work;
    const applying = { source, jail, directory, store, before, replace, signal, onProgress };
    const applied = await applyPlan(recipe, plan, applying);
    const { manifest: after, left } = applied;
    const programs = placesOf(recipe.programs, after, source);
    const warnings = [...warningsOf(plan, making.directory), ...applied.warnings];
    warnings.push(...withHint(left, () => verifyPrograms(source, jail, programs, host.cpu)));
    warnings.push(...searchWarnings(jail, after, readUsers(recipe.users)));
    work.onProgress?.(begin('check'));
    const tried = await tryOut({ directory, jail, manifest: after, programs, signal: work.signal });
    warnings.push(...tried.warnings);
    return { before, after, optional: plan.optional, left, warnings, failures: tried.failures };
  } catch (error) {
    store.rollBack();
    throw error;
  } finally {
    store.close();
  }
}

interface Ready {
  readonly store: Store;
  readonly before: Manifest | undefined;
  readonly recipe: Recipe;
  readonly plan: JailPlan;
}

// The lock comes after the plan: its file must not be made where no jail may be.
async function planUnderLock(jail: DirectoryRoot, making: Making, source: FileRoot): Promise<Ready> {
  for (;;) {
    const hash = await hashInJail(jail, MANIFEST_PATH);
    const before = readManifest(jail);
    const recipe = making.recipeFor(before);
    const plan = await planFor(recipe, making, source);
    checkPlace(plan, source, jail, { from: recipe.from, directory: making.directory });
    checkReplace(making.replace, plan, before);
    const store = await openStore(jail);
    if ((await hashInJail(jail, MANIFEST_PATH)) === hash) return { store, before, recipe, plan };
    store.close(); // another run has changed it, or one that was interrupted has just been completed
  }
}

async function planFor(
  recipe: Recipe,
  { host, directory, work, without = [] }: Making,
  root: FileRoot,
): Promise<JailPlan> {
  work.onProgress?.(begin('plan'));
  const inside = placeIn(recipe.from, root, directory);
  const outside = inside === undefined ? [] : [inside];
  const steps = planJail(recipe, { root, cpu: host.cpu, users: readUsers(recipe.users), outside });
  const plan = await gradually(steps, work.signal);
  const [missing] = plan.missing;
  if (missing !== undefined) throw lacks(missing);
  const [absent] = plan.absent;
  if (absent !== undefined) {
    const path = showPath(absent);
    if (recipe.without.some((out) => isAtOrIn(absent, out)))
      throw new UsageError(`${path} was asked for, and is to be left out as well`);
    throw new JailError(`${path}, which was asked for, is not on the host`, { code: 'ENOENT', path });
  }
  const unused = plan.unused.find((path) => without.includes(path));
  if (unused !== undefined)
    throw new UsageError(`nothing of ${showPath(unused)}, which is to be left out, would be in the jail`, {
      hint: '--plan shows the largest parts, and what is there',
    });
  const [barren] = plan.barren;
  if (barren !== undefined)
    throw new JailError(`the host has nothing of the pack ${barren}, which was asked for`, {
      code: 'ERR_MISSING',
      hint: `it is ${packOf(barren).summary}`,
    });
  return plan;
}

/** The jail as it lies in the root that it is built from; undefined if it lies elsewhere. */
function placeIn(from: BytePath | undefined, root: FileRoot, directory: BytePath): BytePath | undefined {
  if (from !== undefined && !`${directory}/`.startsWith(`${from}/`)) return undefined;
  const way = walk(root, from === undefined ? directory : (`${directory.slice(from.length)}/` as BytePath));
  return way.kind === 'found' ? way.path : undefined;
}

// A mistyped path must not pass for one that was replaced.
function checkReplace(replace: readonly BytePath[], plan: JailPlan, before: Manifest | undefined): void {
  for (const named of replace) {
    const isIn = ({ path }: { readonly path: BytePath }) => isAtOrIn(path, named);
    if (plan.entries.some(isIn) || before?.entries.some(isIn) === true) continue;
    throw new UsageError(`${showPath(named)}, to be replaced, is no path that the builder makes`, {
      hint: 'name it as the list of what was left does, without links on the way',
    });
  }
}

/** What the top of a jail has. */
const SIGNS: ReadonlySet<string> = new Set(['usr', 'bin', STORE.slice(1)]);

// A mistyped directory, /usr or /home, must not become a jail.
function checkPlace(
  plan: JailPlan,
  source: FileRoot,
  jail: DirectoryRoot,
  { from, directory }: { readonly from: BytePath | undefined; readonly directory: BytePath },
): void {
  const places = [directory, placeIn(from, source, directory)].map((path) =>
    path === '/' ? '/' : `${path}/`,
  );
  const own = plan.entries.find(
    (entry) => entry.kind === 'file' && places.some((place) => entry.source.startsWith(place)),
  );
  if (own !== undefined)
    throw new UsageError(
      `${showPath(directory)} holds the host's own ${showPath(own.path)}: it cannot be a jail`,
    );
  const names = jail.list(bytePath('/'))?.filter((name) => name !== 'lost+found') ?? [];
  if (names.length > 0 && !names.some((name) => SIGNS.has(name)))
    throw new UsageError(`${showPath(directory)} is not empty, and no jail: it has neither /usr nor /bin`, {
      hint: 'name a new or an empty directory',
    });
}

/** Where programs of the recipe lie in the jail. */
function placesOf(programs: readonly BytePath[], { entries }: Manifest, source: FileRoot): readonly Placed[] {
  return programs.flatMap((program) => {
    const real = walk(source, program).path;
    const entry = entries.find((other) => other.source === real);
    return entry === undefined ? [] : [{ source: program, path: program }];
  });
}
