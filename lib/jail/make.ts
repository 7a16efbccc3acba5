// Makes the jail of a recipe: plans it, checks that the plan can be carried out there, puts all entries in place, and tests it.

import { type BytePath, pathBytes, showPath, showPaths } from '../tree/path.ts';
import { rememberStatus } from '../tree/remembered-root.ts';
import { type DirectoryRoot, type FileRoot, openFileRoot } from '../tree/root.ts';
import { walk } from '../tree/walk.ts';
import { JailError, UsageError } from '../errors.ts';
import { applyPlan, foreseePlan } from './apply/execution.ts';
import { caller, isOrdinary } from '../trust/owner.ts';
import type { HashOf } from './apply/adopted-files.ts';
import type { Left } from './apply/present-object.ts';
import { openStore, type Store } from './apply/store.ts';
import { toPerson } from './search/jail-writers.ts';
import { openJailDirectory } from './host/jail-directory.ts';
import { canBeJail } from './host/jail-place.ts';
import { forgetRecord, record } from './host/reference-record.ts';
import type { Host } from './host/source-host.ts';
import { STORE } from './manifest/layout.ts';
import { hashInJail } from './manifest/file-hash.ts';
import { type Manifest, MANIFEST_PATH, readManifest } from './manifest/manifest.ts';
import { fromText } from './manifest/path-text.ts';
import type { Recipe } from './manifest/recipe.ts';
import { mountsHost, refuseOwnPrograms } from './packs/host.ts';
import { type JailPlan, planJail } from './plan/jail-plan.ts';
import { checkNamed, checkPlan, warningsOf } from './plan/plan-outcome.ts';
import { openReadable, toOrdinary } from './plan/ordinary-plan.ts';
import { openKeptPlan, type PlanSlot } from './plan/kept-plan.ts';
import type { JailWork } from './request/jail-request.ts';
import { readUsers } from './request/named-on-host.ts';
import { searchWarnings } from './search/search-warnings.ts';
import { tryOut } from './jail-trial.ts';
import { cannotRun, type Placed, verifyPrograms } from './verify.ts';
import { type JailWarning, plainWarnings } from './work/jail-warning.ts';
import { begin, gradually } from './work/steps.ts';

export interface Made {
  readonly before: Manifest | undefined;
  readonly after: Manifest;
  readonly optional: JailPlan['optional'];
  readonly large: JailPlan['large'];
  /** Paths that were left as they are, although the plan differs. */
  readonly left: readonly Left[];
  readonly warnings: readonly JailWarning[];
  /** Failed tests of a jail whose files are all in place. */
  readonly failures: readonly string[];
}

/** Finds the changes that making the jail would cause, and changes nothing. `jail` is undefined if there is none yet. */
export async function foreseeJail(making: Making, jail: DirectoryRoot | undefined): Promise<Made> {
  const prepared = await preparePlan(making, jail);
  const { recipe, plan, before, notes } = prepared;
  const { replace, keep = [], work, host, directory } = making;
  const foreseeing = { ...prepared, ...work, jail, replace, keep, sourceFd: host.root.fd };
  const { manifest: after, left, warnings } = await foreseePlan(recipe, plan, foreseeing);
  const { optional, large } = plan;
  prepared.keep(); // `status` of an adopted service only foresees
  return {
    before,
    after,
    optional,
    large,
    left,
    warnings: [...plainWarnings(notes), ...warningsOf(plan, directory), ...plainWarnings(warnings)],
    failures: [],
  };
}

/** @throws JailError, UsageError; then the jail is unchanged. */
export async function makeJail(making: Making): Promise<Made> {
  const opened = openJailDirectory(pathBytes(making.directory));
  let store: Store | undefined;
  let unrecord: (() => void) | undefined;
  try {
    const jail = openFileRoot(opened.fd, caller());
    const prepared = await prepareAndLock(making, jail);
    ({ store } = prepared);
    if (!mountsHost(prepared.recipe)) forgetRecord(opened.path);
    else if (making.isReferring === true) unrecord = record(opened);
    return await carryOut(making, { ...prepared, jail, directory: opened.path });
  } catch (error) {
    store?.rollBack();
    unrecord?.();
    opened.undo();
    throw error;
  } finally {
    store?.close();
    opened.close();
  }
}

type LockedPlan = PreparedPlan & { readonly store: Store };

// The lock needs a directory in the jail, so the plan comes first: it finds out whether a jail may be here.
async function prepareAndLock(making: Making, jail: DirectoryRoot): Promise<LockedPlan> {
  for (;;) {
    const hash = await hashInJail(jail, MANIFEST_PATH);
    const prepared = await preparePlan(making, jail);
    const store = await openStore(jail);
    if ((await hashInJail(jail, MANIFEST_PATH)) === hash) return { ...prepared, store };
    store.close(); // another run has changed the jail, or openStore has just completed one
  }
}

async function carryOut(
  { host, directory: asked, replace, keep = [], work, hashOf }: Making,
  place: LockedPlan & { readonly jail: DirectoryRoot; readonly directory: BytePath },
): Promise<Made> {
  const { source, jail, directory, before, recipe, plan, notes } = place;
  const applied = await applyPlan(recipe, plan, {
    ...place,
    ...work,
    sourceFd: host.root.fd,
    replace,
    keep,
    hashOf,
  });
  place.keep();
  const { manifest: after, left } = applied;
  const programs = placesOf(recipe.programs, after, source);
  const warnings = [
    ...plainWarnings(notes),
    ...warningsOf(plan, asked),
    ...plainWarnings([
      ...applied.warnings,
      ...withHint(left, () => verifyPrograms(source, jail, programs, host.cpu)),
      ...searchWarnings(jail, after, readUsers(recipe.users).map(toPerson)),
    ]),
  ];
  work.onProgress?.(begin('check'));
  const tried = await tryOut({ directory, jail, manifest: after, programs, signal: work.signal });
  const { optional, large } = plan;
  const { failures } = tried;
  return {
    before,
    after,
    optional,
    large,
    left,
    failures,
    warnings: [...warnings, ...tried.warnings],
  };
}

function placesOf(programs: readonly BytePath[], { entries }: Manifest, source: FileRoot): readonly Placed[] {
  return programs.flatMap((program) => {
    const real = walk(source, program).path;
    return entries.some((entry) => entry.source === real) ? [{ source: program, path: program }] : [];
  });
}

export interface Making {
  readonly host: Host;
  /** The jail, as an absolute path on the host. */
  readonly directory: BytePath;
  /** The recipe of the jail. It is called again if another process has changed the jail meanwhile. */
  readonly recipeFor: (before: Manifest | undefined) => Recipe;
  /** The caller, and not only the jail, says that it is one by reference. */
  readonly isReferring?: boolean;
  /** Paths to leave out that this request names. It is an error if the plan has nothing at such a path. */
  readonly without?: readonly BytePath[];
  /** Paths of the jail that are replaced even if they were changed there. */
  readonly replace: readonly BytePath[];
  /** Paths of the jail that are left as they are, and whose present version on the host counts as seen. */
  readonly keep?: readonly BytePath[];
  /** Plans the jail in another way, and tells what is left out: `host` is an image. */
  readonly planFor?:
    | ((recipe: Recipe) => { readonly plan: JailPlan; readonly notes: readonly string[] })
    | undefined;
  /** It shares its plan with others. */
  readonly slot?: PlanSlot | undefined;
  /** `host` is ours alone: its files are moved, with these hashes. */
  readonly hashOf?: HashOf | undefined;
  readonly work: Pick<JailWork, 'signal' | 'onProgress'>;
}

interface PreparedPlan {
  /** The root that files are copied from. */
  readonly source: FileRoot;
  readonly before: Manifest | undefined;
  readonly recipe: Recipe;
  readonly plan: JailPlan;
  /** Sentences about rights that an ordinary user cannot give the jail, and about programs that nobody may execute. */
  readonly notes: readonly string[];
  /** Keeps the plan of a jail that existed before, for its next update. */
  readonly keep: () => void;
}

// Plans a jail; `jail` is undefined if there is none yet.
// @throws JailError, UsageError if the jail cannot be made as requested
async function preparePlan(making: Making, jail: DirectoryRoot | undefined): Promise<PreparedPlan> {
  const { host, directory, work, planFor, slot } = making;
  const before = jail && readManifest(jail);
  const recipe = making.recipeFor(before);
  refuseOwnPrograms(recipe);
  const readable = isOrdinary(caller()) ? openReadable(rememberStatus(host.root)) : undefined;
  const source = readable?.root ?? rememberStatus(host.root);
  work.onProgress?.(begin('plan'));
  const place =
    planFor === undefined ? placeIn(recipe.from, source, slot?.directory ?? directory) : undefined;
  const outside = place === undefined ? [] : [place];
  const users = readUsers(recipe.users);
  const planned = { root: source, cpu: host.cpu, users, outside, database: slot?.database };
  const other = planFor?.(recipe);
  const isKept = other === undefined && (before !== undefined || slot !== undefined);
  const kept = isKept
    ? openKeptPlan(slot?.directory ?? directory, host.root.fd, recipe, planned, slot)
    : undefined;
  const steps = () => planJail(recipe, { ...planned, root: kept?.root ?? source });
  const whole = other?.plan ?? kept?.plan ?? (await gradually(steps(), work.signal));
  const { plan, notes } = readable ? toOrdinary(whole, recipe, readable) : { plan: whole, notes: [] };
  checkPlan(plan, recipe, { directory, without: making.without ?? [], present: before });
  if (jail !== undefined && other === undefined) checkPlace(plan, jail, { directory, place });
  if (jail !== undefined && other !== undefined && before === undefined) checkEmpty(jail, directory);
  checkNamed('replaced', making.replace, plan, before);
  checkNamed('kept', making.keep ?? [], plan, before);
  const keep = () => kept?.keep(whole);
  const inert = recipe.programs.flatMap((program) => cannotRun(source, program) ?? []);
  return { source, before, recipe, plan, notes: [...(other?.notes ?? []), ...notes, ...inert], keep };
}

/** The path of the jail in the root that it is built from; undefined if the jail is outside that root. */
function placeIn(from: BytePath | undefined, root: FileRoot, directory: BytePath): BytePath | undefined {
  if (from !== undefined && !`${directory}/`.startsWith(`${from}/`)) return undefined;
  const way = walk(root, from === undefined ? directory : (`${directory.slice(from.length)}/` as BytePath));
  return way.kind === 'found' ? way.path : undefined;
}

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
  const shown = showPath(directory);
  if (own !== undefined)
    throw new UsageError(`${shown} holds the host's own ${showPath(own.path)}: it cannot be a jail`, {
      hint: 'name another directory, such as /srv/jail',
    });
  if (!canBeJail(jail))
    throw new UsageError(`${shown} is not empty, and no jail: it has neither /usr nor /bin`, {
      hint: 'name a new or an empty directory',
    });
}

// An image does not tell which directories are the host's own. The store is there after a build that was interrupted.
function checkEmpty(jail: DirectoryRoot, directory: BytePath): void {
  const names =
    jail.list('/' as BytePath)?.filter((name) => name !== 'lost+found' && `/${name}` !== STORE) ?? [];
  if (names.length > 0)
    throw new UsageError(`${showPath(directory)} is not empty, and no jail of an image`, {
      hint: 'name a new or an empty directory',
    });
}

type Told = Pick<Made, 'left' | 'warnings'>;

/** @throws JailError ERR_CHECK if a self-check of the jail failed */
export function refuseFailures(
  told: Told & { readonly failures: readonly string[]; readonly after: Manifest },
): void {
  const [first, ...others] = told.failures;
  if (first === undefined) return;
  const leftOut = showPaths(told.after.recipe.without);
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new JailError(`the jail is built, but something does not work in it: ${first}${more}`, {
    code: 'ERR_CHECK',
    hint:
      hintOf(told) ?? (leftOut && `--without leaves out ${leftOut}: build a new jail, without this option`),
  });
}

/** Adds the unchanged paths to an error as a hint: an old file may be the cause. @throws as `verify` */
function withHint<T>(left: readonly Left[], verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (!(error instanceof JailError)) throw error;
    const { message, code, path } = error;
    throw new JailError(message, { code, path, hint: error.hint ?? hintOf({ left, warnings: [] }) });
  }
}

// A library of another version, or a device that could not be created, may be the cause.
function hintOf({ left, warnings }: Told): string | undefined {
  const paths = left.filter(({ because }) => because !== 'writable').map(({ path }) => fromText(path));
  const words = `left as they are in the jail: ${showPaths(paths)}; --replace PATH makes them as planned`;
  return (
    [...(paths.length === 0 ? [] : [words]), ...warnings.slice(0, 3).map(({ message }) => message)].join(
      '; ',
    ) || undefined
  );
}
