// Carries out a plan: copies and records its entries, puts them in place, and removes entries that are no longer planned.

import { readCache } from '../../binary/cache.ts';
import { readSmallFile } from '../../binary/loader-conf.ts';
import { type BytePath, bytePath, isWithin } from '../../tree/path.ts';
import type { DirectoryRoot } from '../../tree/root.ts';
import { caller } from '../../trust/owner.ts';
import { mountPoints } from '../manifest/layout.ts';
import { isSameManifest, type Manifest, type Recorded, writeManifest } from '../manifest/manifest.ts';
import { fromText } from '../manifest/path-text.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailPlan } from '../plan/jail-plan.ts';
import { CACHE_PATH, cacheFor } from '../plan/library-cache.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import { begin, openTurns, type Progress } from '../work/steps.ts';
import { setTimes } from './commit.ts';
import { foresee, foreseeNew, type KnownFiles, readKnown, type Roots, toRecorded } from './file-facts.ts';
import { JailWriter, type Written } from './jail-writer.ts';
import { Judge, type Judging, type Verdict } from './judge.ts';
import { mountedIn } from './mounted.ts';
import type { Left } from './present-object.ts';
import type { Store } from './store.ts';

export interface Applying extends Omit<Judging, 'mounted'>, Roots {
  readonly store: Store;
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
  const writer = new JailWriter({ ...work, judge });
  const outcome = new Outcome(before);
  const entries = entriesFor(plan, outcome, work);
  try {
    await addAll(entries, work, { writer, outcome });
  } finally {
    await writer.copies.close();
  }
  const unneeded = await judge.findUnneeded(outcome.planned);
  const manifest = outcome.toManifest(recipe, plan);
  throwIfAborted(signal);
  onProgress?.(begin('commit'));
  const changes = writer.changes(unneeded.removable);
  const isChanged = Object.values(changes).some((items) => items.length > 0);
  if (isChanged || before === undefined || !isSameManifest(before, manifest))
    store.commit(changes, writeManifest(manifest));
  setTimes(jail, manifest.entries, { left: outcome.leftPaths, made: writer.made, mounted });
  return { manifest, left: [...outcome.left, ...unneeded.left], warnings: outcome.warnings };
}

type Foreseeing = Omit<Applying, 'jail' | 'store' | 'onProgress'>;

/** Finds the changes that `applyPlan` would make, and changes nothing. `jail` is undefined if there is none yet. */
export async function foreseePlan(
  recipe: Recipe,
  plan: JailPlan,
  work: Foreseeing & { readonly jail: DirectoryRoot | undefined },
): Promise<Applied> {
  const { source, sourceFd, jail, before, replace, keep, signal } = work;
  const outcome = new Outcome(before);
  const turns = openTurns();
  const entries = entriesFor(plan, outcome, work);
  const toApplied = (left: readonly Left[] = []) => ({
    manifest: outcome.toManifest(recipe, plan),
    left: [...outcome.left, ...left],
    warnings: outcome.warnings,
  });
  if (jail === undefined) {
    for (const entry of entries) {
      throwIfAborted(signal);
      outcome.add(entry.path, { action: 'put' }, foreseeNew(entry, source));
      await turns();
    }
    return toApplied();
  }
  const judge = new Judge({ jail, source, before, replace, keep, mounted: mountedIn(jail) });
  for await (const [slice, known] of readAhead(entries, { jail, sourceFd }))
    for (const entry of slice) {
      throwIfAborted(signal);
      const record = await foresee(entry, source, known);
      outcome.add(entry.path, await judge.judge(entry, async () => record, known), record);
      await turns();
    }
  return toApplied((await judge.findUnneeded(outcome.planned)).left);
}

/** How many entries are read ahead. */
const SLICE = 256;

async function addAll(
  entries: readonly Entry[],
  work: Applying,
  { writer, outcome }: { readonly writer: JailWriter; readonly outcome: Outcome },
): Promise<void> {
  const { signal } = work;
  const tell = openTold(entries, work);
  const turns = openTurns(TURN_MS);
  // Copies are made after they are judged. They are recorded in the order of the plan.
  const pending: (Written & { readonly entry: Entry })[] = [];
  let next = 0;
  function recordMade(): void {
    for (const { entry, verdict, record, copy } of pending.slice(next)) {
      const content = copy?.content();
      if (copy !== undefined && content === undefined) return;
      outcome.add(entry.path, verdict, content === undefined ? record : toRecorded(entry, content));
      tell(entry);
      next++;
    }
  }
  for await (const [slice, known] of readAhead(entries, work)) {
    for (const entry of slice) {
      throwIfAborted(signal);
      let written: Written | Promise<Written>;
      try {
        written = writer.add(entry, known);
        // Most results are not promises, and an await takes time.
        if (written instanceof Promise) written = await written;
      } catch (error) {
        throw toJailError(error, entry.path);
      }
      if (written.warning !== undefined) outcome.warnings.push(written.warning);
      pending.push({ entry, ...written });
      const turn = turns();
      if (turn === undefined) continue;
      await turn; // the event loop runs, and the next copies start
      recordMade();
    }
  }
  writer.copies.flush();
  for (recordMade(); next < pending.length; recordMade()) {
    await pending[next]?.copy?.ended;
    throwIfAborted(signal);
  }
}

const TURN_MS = 2;

/** Slices of the entries, with the facts of their files. The next slice is read while the current one is processed. */
async function* readAhead(
  entries: readonly Entry[],
  roots: Roots,
): AsyncGenerator<readonly [readonly Entry[], KnownFiles]> {
  const read = (from: number): Promise<KnownFiles> => {
    const known = readKnown(entries.slice(from, from + SLICE), roots);
    known.catch(() => {}); // the error is thrown when it is awaited
    return known;
  };
  let next = read(0);
  for (let from = 0; from < entries.length; from += SLICE) {
    const known = await next;
    next = read(from + SLICE);
    yield [entries.slice(from, from + SLICE), known];
  }
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

/** The entries to judge. A mount point that somebody has made otherwise is none of them: it stays, and so does its record. */
function entriesFor(
  plan: JailPlan,
  outcome: Outcome,
  { jail, replace }: Pick<Judging, 'replace'> & { readonly jail: DirectoryRoot | undefined },
): readonly Entry[] {
  return withCache(plan, jail).filter((entry) => {
    const { path } = entry;
    const isNamed = replace.some((named) => isWithin(path, named));
    if (jail === undefined || isNamed || !isTaken(entry, jail, outcome.isKnown(path))) return true;
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
function withCache(plan: JailPlan, jail: DirectoryRoot | undefined): readonly Entry[] {
  const existing = jail && readSmallFile(jail, CACHE_PATH, 64 << 20);
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
    const entries = this.#recorded.map((entry) => {
      const name = entry.source === undefined ? undefined : plan.packageOf(entry.source);
      if (name === undefined) return entry;
      const old = stale.has(name) ? this.#before?.packages[name] : undefined;
      const version = old ?? plan.versionOf(name);
      if (version === undefined) return entry;
      packages[name] = version;
      return { ...entry, package: name };
    });
    return { recipe, packs: plan.packs, packages, entries };
  }
}
