// Carries out a plan: copies and records its entries, puts them in place, and removes entries that are no longer planned.

import { readCache } from '../../binary/cache.ts';
import { readSmallFile } from '../../binary/loader-conf.ts';
import { type BytePath, bytePath, isWithin } from '../../tree/path.ts';
import type { DirectoryRoot } from '../../tree/root.ts';
import { caller } from '../../trust/owner.ts';
import { mountPoints } from '../manifest/layout.ts';
import { isSameManifest, type Manifest, type Recorded, writeManifest } from '../manifest/manifest.ts';
import type { Origin } from '../manifest/origin.ts';
import { fromText } from '../manifest/path-text.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailPlan } from '../plan/jail-plan.ts';
import { CACHE_PATH, cacheFor } from '../plan/library-cache.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import { begin, openTurns, type Progress } from '../work/steps.ts';
import type { HashOf } from './adopted-files.ts';
import { setTimes } from './commit.ts';
import { foresee, foreseeNew, readKnown, type Roots } from './file-facts.ts';
import { isCopied, type Judged, JailWriter } from './jail-writer.ts';
import { Judge, type Judging, type Verdict } from './judge.ts';
import { mountedIn } from './obstacle.ts';
import type { Left } from './present-object.ts';
import type { Store } from './store.ts';

export interface Applying extends Omit<Judging, 'mounted'>, Roots {
  readonly store: Store;
  /** The source is ours alone, and its files are moved. */
  readonly hashOf?: HashOf | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Applied {
  readonly manifest: Manifest;
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
}

/** Until the change is decided, an error or the signal leaves the jail unchanged. @throws AbortError, JailError */
export async function applyPlan(recipe: Recipe, plan: JailPlan, work: Applying): Promise<Applied> {
  const { jail, store, before, signal, onProgress } = work;
  const mounted = mountedIn(jail);
  const judge = new Judge({ ...work, mounted });
  const outcome = new Outcome(before);
  const entries = entriesFor(plan, outcome, work);
  const tell = openTold(entries, work);
  const writer = new JailWriter({ ...work, tell });
  const judged = await judgeAll(entries, judge, work, ({ entry, verdict }) => {
    if (!isCopied(entry, verdict)) tell(entry);
  });
  for (const { entry, verdict, record } of await writer.write(judged))
    outcome.add(entry.path, verdict, record);
  const unneeded = await judge.findUnneeded(outcome.planned);
  const manifest = outcome.toManifest(recipe, plan);
  throwIfAborted(signal);
  onProgress?.(begin('commit'));
  const changes = writer.changes(unneeded.removable);
  const isChanged = Object.values(changes).some((items) => items.length > 0);
  if (isChanged || before === undefined || !isSameManifest(before, manifest))
    store.commit(changes, writeManifest(manifest));
  setTimes(jail, manifest.entries, { left: outcome.leftPaths, made: writer.made, mounted });
  const warnings = [...outcome.warnings, ...writer.warnings];
  return { manifest, left: [...outcome.left, ...unneeded.left], warnings };
}

type Foreseeing = Omit<Applying, 'jail' | 'store' | 'onProgress'>;

const NO_JAIL: DirectoryRoot = {
  fd: -1,
  lstat: () => undefined,
  list: () => undefined,
  open: () => undefined,
  close: () => {},
};

/** Finds the changes that `applyPlan` would make, and changes nothing. `jail` is undefined if there is none yet. */
export async function foreseePlan(
  recipe: Recipe,
  plan: JailPlan,
  work: Foreseeing & { readonly jail: DirectoryRoot | undefined },
): Promise<Applied> {
  const { jail = NO_JAIL } = work;
  const outcome = new Outcome(work.before);
  const mounted = jail === NO_JAIL ? [] : mountedIn(jail);
  const judge = new Judge({ ...work, jail, mounted });
  const entries = entriesFor(plan, outcome, { ...work, jail });
  for (const { entry, verdict, record } of await judgeAll(entries, judge, { ...work, jail })) {
    // a new file is not read: there is nothing to compare it with
    const isNew = record === undefined && verdict.action === 'put';
    outcome.add(entry.path, verdict, isNew ? foreseeNew(entry, work.source) : record);
  }
  const { left } = await judge.findUnneeded(outcome.planned);
  const manifest = outcome.toManifest(recipe, plan);
  return { manifest, left: [...outcome.left, ...left], warnings: outcome.warnings };
}

/** How many entries are read in one call. */
const SLICE = 256;
const TURN_MS = 2;

/** Judges the entries in their order, and calls `done` for each. @throws AbortError, JailError */
async function judgeAll(
  entries: readonly Entry[],
  judge: Judge,
  { source, signal, ...roots }: Pick<Applying, 'source' | 'signal' | keyof Roots>,
  done: (judged: Judged) => void = () => {},
): Promise<readonly Judged[]> {
  const turns = openTurns(TURN_MS);
  const all: Judged[] = [];
  for (let from = 0; from < entries.length; from += SLICE) {
    const slice = entries.slice(from, from + SLICE);
    const known = await readKnown(slice, roots);
    for (const entry of slice) {
      throwIfAborted(signal);
      let record: Recorded | undefined;
      const plan = async () => (record ??= await foresee(entry, source, known));
      try {
        const found = judge.judge(entry, plan, known);
        // most are no promises, and an await takes time
        const verdict = found instanceof Promise ? await found : found;
        if (verdict.action !== 'leave' && !isCopied(entry, verdict)) await plan();
        const judged = { entry, verdict, record };
        all.push(judged);
        done(judged);
      } catch (error) {
        throw toJailError(error, entry.path);
      }
      await turns();
    }
  }
  return all;
}

/** A function to call for each entry that is done. */
function openTold(entries: readonly Entry[], { onProgress }: Applying): (entry: Entry) => void {
  const files = entries.filter((entry) => entry.kind === 'file');
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const start = begin('copy', files.length, total);
  let [done, doneBytes] = [0, 0];
  onProgress?.(start);
  return (entry) => {
    if (entry.kind !== 'file') return;
    doneBytes += entry.sizeBytes;
    onProgress?.({ ...start, files: ++done, sizeBytes: doneBytes });
  };
}

/** The entries to judge. A mount point that somebody has changed is left out: it stays, and so does its record. */
function entriesFor(
  plan: JailPlan,
  outcome: Outcome,
  { jail, replace }: Pick<Judging, 'jail' | 'replace'>,
): readonly Entry[] {
  return withCache(plan, jail).filter((entry) => {
    const { path } = entry;
    const isNamed = replace.some((named) => isWithin(path, named));
    if (isNamed || !isTaken(entry, jail, outcome.isKnown(path))) return true;
    outcome.add(path, { action: 'leave' }, undefined);
    return false;
  });
}

// An administrator may have given a mount point to a service, mounted something there, or have made /run a link to /var/run.
function isTaken(entry: Entry, jail: DirectoryRoot, isKnown: boolean): boolean {
  const { kind, path, reason } = entry;
  if (kind !== 'directory' || reason.how !== 'layout' || !mountPoints.includes(path)) return false;
  const present = jail.lstat(path);
  if (present?.kind !== kind) return present !== undefined && !isKnown;
  const { uid, gid } = caller();
  return !(present.uid === uid && present.gid === gid && present.mode === entry.mode);
}

/** The entries of the plan, with the ld.so.cache of the jail if it needs one. */
function withCache(plan: JailPlan, jail: DirectoryRoot): readonly Entry[] {
  const existing = readSmallFile(jail, CACHE_PATH, 64 << 20);
  const listed = existing === undefined ? [] : readCache(existing).entries;
  const data =
    cacheFor(plan.cacheEntries, plan.endian, listed) ?? (plan.cacheEntries.length > 0 ? existing : undefined);
  if (data === undefined) return plan.entries;
  const etc = bytePath('/etc');
  const reason = { how: 'layout' } as const;
  return [
    ...plan.entries.filter(({ path }) => path !== CACHE_PATH),
    ...(plan.entries.some(({ path }) => path === etc)
      ? []
      : [{ kind: 'directory', path: etc, mode: 0o755, reason } as const]),
    { kind: 'data', path: CACHE_PATH, data, mode: 0o644, reason },
  ];
}

/** Collects the verdicts on the entries of a plan. */
class Outcome {
  readonly left: Left[] = [];
  readonly leftPaths = new Set<BytePath>();
  /** All planned paths, including those that were left. */
  readonly planned = new Set<BytePath>();
  readonly warnings: string[] = [];
  readonly #before: Manifest | undefined;
  readonly #known: ReadonlyMap<BytePath, Recorded>;
  /** The entries of the new manifest. An entry that was left keeps its old record. */
  readonly #recorded: Recorded[] = [];

  constructor(before: Manifest | undefined) {
    this.#before = before;
    this.#known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  }

  /** Whether the builder has made it before. */
  isKnown(path: BytePath): boolean {
    return this.#known.has(path);
  }

  /** `record` is the record of the entry as planned. */
  add(path: BytePath, { action, left, warning, seen }: Verdict, record: Recorded | undefined): void {
    this.planned.add(path);
    if (left !== undefined) this.left.push(left);
    if (warning !== undefined) this.warnings.push(warning);
    if (action === 'leave') this.leftPaths.add(path);
    const kept = action === 'leave' ? (seen ?? this.#known.get(path)) : record;
    if (kept !== undefined) this.#recorded.push(kept);
  }

  /** The new manifest. It keeps the old version of a package if an outdated file of it was left. */
  toManifest(recipe: Recipe, plan: JailPlan): Manifest {
    const outdated = this.left.filter(({ isOutdated }) => isOutdated);
    const stale = new Set(outdated.map(({ path }) => this.#known.get(fromText(path))?.package));
    const packages: Record<string, string> = {};
    const origins: Record<string, Origin> = {};
    const entries = this.#recorded.map((recorded) => {
      const { source, ...rest } = recorded;
      // The host does not have what came from an image.
      const entry = recipe.image === undefined ? recorded : rest;
      const name = source === undefined ? undefined : plan.packageOf(source);
      if (name === undefined) return entry;
      const old = stale.has(name) ? this.#before?.packages[name] : undefined;
      const version = old ?? plan.versionOf(name);
      if (version === undefined) return entry;
      packages[name] = version;
      const origin = old === undefined ? plan.originOf(name) : this.#before?.origins?.[name];
      if (origin !== undefined) origins[name] = origin;
      return { ...entry, package: name };
    });
    return { recipe, packs: plan.packs, packages, origins, system: plan.system, entries };
  }
}
