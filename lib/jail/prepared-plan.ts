// The plan of a jail, after the checks that it can be carried out there.

import { type BytePath, bytePath, showPath } from '../binary/path.ts';
import type { DirectoryRoot, FileRoot } from '../binary/root.ts';
import { rememberStatus } from '../binary/remembered-root.ts';
import { walk } from '../binary/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { isAtOrIn } from './apply/grounds.ts';
import type { Host } from './host/source-host.ts';
import { STORE } from './manifest/layout.ts';
import { type Manifest, readManifest } from './manifest/manifest.ts';
import type { Recipe } from './manifest/recipe.ts';
import { packOf } from './packs/index.ts';
import { type JailPlan, planJail } from './plan/jail-plan.ts';
import { openKeptPlan } from './plan/kept-plan.ts';
import type { JailWork } from './request/jail-request.ts';
import { readUsers } from './request/named-on-host.ts';
import { lacks } from './verify.ts';
import { begin, gradually } from './work/steps.ts';

export interface Making {
  readonly host: Host;
  /** The jail, as an absolute path on the host. */
  readonly directory: BytePath;
  /** The recipe of the jail. It is called again if another process has changed the jail meanwhile. */
  readonly recipeFor: (before: Manifest | undefined) => Recipe;
  /** Paths to leave out that this request names. It is an error if the plan has nothing at such a path. */
  readonly without?: readonly BytePath[];
  /** Paths of the jail that are replaced even if they were changed there. */
  readonly replace: readonly BytePath[];
  readonly work: Pick<JailWork, 'signal' | 'onProgress'>;
}

export interface PreparedPlan {
  /** The root that files are copied from. */
  readonly source: FileRoot;
  readonly before: Manifest | undefined;
  readonly recipe: Recipe;
  readonly plan: JailPlan;
  /** Keeps the plan of a jail that existed before, for its next update. */
  readonly keep: () => void;
}

/**
 * Plans a jail; `jail` is undefined if there is none yet.
 * @throws JailError, UsageError if the jail cannot be made as requested
 */
export async function preparePlan(making: Making, jail: DirectoryRoot | undefined): Promise<PreparedPlan> {
  const { host, directory, work } = making;
  const before = jail && readManifest(jail);
  const recipe = making.recipeFor(before);
  const source = rememberStatus(host.root);
  work.onProgress?.(begin('plan'));
  const place = placeIn(recipe.from, source, directory);
  const users = readUsers(recipe.users);
  const outside = place === undefined ? [] : [place];
  const planned = { root: source, cpu: host.cpu, users, outside };
  const kept = before && openKeptPlan(directory, host.root.fd, recipe, planned);
  const steps = () => planJail(recipe, { ...planned, root: kept?.root ?? source });
  const plan = kept?.plan ?? (await gradually(steps(), work.signal));
  checkPlan(plan, recipe, making.without ?? []);
  if (jail !== undefined) checkPlace(plan, jail, { directory, place });
  checkReplace(making.replace, plan, before);
  const keep = () => kept?.plan === undefined && kept?.keep(plan);
  return { source, before, recipe, plan, keep };
}

function checkPlan(plan: JailPlan, recipe: Recipe, without: readonly BytePath[]): void {
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
    throw new UsageError(`${showPath(unused)} cannot be left out: the jail would have nothing of it`, {
      hint: '--plan shows the largest parts, and what is there',
    });
  const [barren] = plan.barren;
  if (barren !== undefined)
    throw new JailError(`the host has nothing of the pack ${barren}, which was asked for`, {
      code: 'ERR_MISSING',
      hint: `it is ${packOf(barren).summary}`,
    });
}

/** The path of the jail in the root that it is built from; undefined if the jail is outside that root. */
function placeIn(from: BytePath | undefined, root: FileRoot, directory: BytePath): BytePath | undefined {
  if (from !== undefined && !`${directory}/`.startsWith(`${from}/`)) return undefined;
  const way = walk(root, from === undefined ? directory : (`${directory.slice(from.length)}/` as BytePath));
  return way.kind === 'found' ? way.path : undefined;
}

// A mistyped path must be an error, and not look like a replaced one.
function checkReplace(replace: readonly BytePath[], plan: JailPlan, before: Manifest | undefined): void {
  for (const named of replace) {
    const isIn = ({ path }: { readonly path: BytePath }) => isAtOrIn(path, named);
    if (plan.entries.some(isIn) || before?.entries.some(isIn) === true) continue;
    throw new UsageError(`${showPath(named)} cannot be replaced: the builder makes no such path`, {
      hint: 'use the path that the report shows as left, without links in it',
    });
  }
}

/** Names that the top directory of a jail has. */
const SIGNS: ReadonlySet<string> = new Set(['usr', 'bin', STORE.slice(1)]);

// A mistyped directory, /usr or /home, must not become a jail.
function checkPlace(
  plan: JailPlan,
  jail: DirectoryRoot,
  { directory, place }: { readonly directory: BytePath; readonly place: BytePath | undefined },
): void {
  const places = [directory, place].map((path) => (path === '/' ? '/' : `${path}/`));
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
