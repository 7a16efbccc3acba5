// Makes a jail what its plan says: copies, records, puts in place, and takes away what is needed no longer.

import { readFileSync } from 'node:fs';

import { readCache } from '../../binary/cache.ts';
import { readSmallFile } from '../../binary/conf.ts';
import { type BytePath, bytePath } from '../../binary/path.ts';
import type { DirectoryRoot, FileRoot } from '../../binary/root.ts';
import { readMounts } from '../host/mountinfo.ts';
import { mountsIn, pointIn } from '../host/mounts.ts';
import type { Entry } from '../manifest/entry.ts';
import { type Manifest, type Recorded, writeManifest } from '../manifest/manifest.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { CACHE_PATH, cacheFor } from '../plan/cache.ts';
import type { JailPlan } from '../plan/plan.ts';
import { throwIfAborted, toJailError } from '../work/failure.ts';
import { begin, type Progress } from '../work/progress.ts';
import { openTurns } from '../work/steps.ts';
import { openJudge } from './keep.ts';
import type { Left } from './left.ts';
import { openOutcome } from './outcome.ts';
import { foresee, foreseeNew } from './record.ts';
import type { Store } from './store.ts';
import { setTimes } from './times.ts';
import { findUnneeded } from './unneeded.ts';
import { type JailWriter, openWriter, type Written } from './write.ts';

export interface Applying {
  readonly source: FileRoot;
  readonly jail: DirectoryRoot;
  /** Where the jail really lies on the host. */
  readonly directory: BytePath;
  readonly store: Store;
  readonly before: Manifest | undefined;
  /** Paths of the jail that were named to be replaced. */
  readonly replace: readonly BytePath[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Applied {
  readonly manifest: Manifest;
  readonly left: readonly Left[];
  readonly warnings: readonly string[];
}

/**
 * Until the change is decided, an error or the signal leaves the jail as it was.
 * @throws AbortError, JailError; system errors
 */
export async function applyPlan(recipe: Recipe, plan: JailPlan, work: Applying): Promise<Applied> {
  const { source, jail, store, before, replace, signal, onProgress } = work;
  const judge = openJudge({ jail, before, replace });
  const writer = openWriter({ source, jail, store, judge, mounted: mountedIn(work.directory) });
  const outcome = openOutcome(before);
  await addAll(withCache(plan, jail), work, async (entry) => {
    const { verdict, record, warning } = await add(writer, entry);
    outcome.add(entry.path, verdict, record);
    if (warning !== undefined) outcome.warnings.push(warning);
  });
  const unneeded = await findUnneeded(jail, judge, { before, planned: outcome.planned });
  for (const { path, was } of unneeded.removable) writer.remove(path, was);
  const manifest = toManifest(recipe, plan, outcome.recorded, outcome.stale(before));
  throwIfAborted(signal);
  onProgress?.(begin('commit'));
  store.commit(writer.changes(), writeManifest(manifest));
  setTimes(jail, manifest.entries, { left: outcome.leftPaths, made: writer.made });
  return { manifest, left: [...outcome.left, ...unneeded.left], warnings: outcome.warnings };
}

/** What something is mounted on in the jail, as the jail sees it. */
function mountedIn(directory: BytePath): readonly BytePath[] {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  return mountsIn(mounts, directory).map((mount) => pointIn(mount, directory));
}

/** What `applyPlan` would make, and what it would leave and warn of. Changes nothing; `jail` is undefined where there is none yet. */
export async function foreseePlan(
  recipe: Recipe,
  plan: JailPlan,
  {
    source,
    jail,
    before,
    replace,
    signal,
  }: Pick<Applying, 'source' | 'before' | 'replace' | 'signal'> & {
    readonly jail: DirectoryRoot | undefined;
  },
): Promise<Applied> {
  const judge = jail && openJudge({ jail, before, replace });
  const outcome = openOutcome(before);
  const turns = openTurns();
  for (const entry of withCache(plan, jail)) {
    throwIfAborted(signal);
    const record = await (jail === undefined ? foreseeNew : foresee)(entry, source);
    const verdict = (await judge?.judge(entry, async () => record)) ?? { action: 'put' };
    outcome.add(entry.path, verdict, record);
    await turns();
  }
  const left = [...outcome.left];
  if (jail !== undefined && judge !== undefined)
    left.push(...(await findUnneeded(jail, judge, { before, planned: outcome.planned })).left);
  const manifest = toManifest(recipe, plan, outcome.recorded, outcome.stale(before));
  return { manifest, left, warnings: outcome.warnings };
}

async function addAll(
  entries: readonly Entry[],
  { signal, onProgress }: Applying,
  addOne: (entry: Entry) => Promise<void>,
): Promise<void> {
  const files = entries.filter((entry) => entry.kind === 'file');
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const start = begin('copy', files.length, total);
  let [done, doneBytes] = [0, 0];
  onProgress?.(start);
  const turns = openTurns();
  for (const entry of entries) {
    throwIfAborted(signal);
    await addOne(entry);
    if (entry.kind === 'file') {
      doneBytes += entry.sizeBytes;
      onProgress?.({ ...start, files: ++done, sizeBytes: doneBytes });
    }
    await turns(); // a service that builds a jail goes on serving
  }
}

async function add(writer: JailWriter, entry: Entry): Promise<Written> {
  try {
    return await writer.add(entry);
  } catch (error) {
    throw toJailError(error, entry.path);
  }
}

/** The plan's entries, and the jail's own ld.so.cache if it needs one. */
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

/** The manifest of what was recorded. Of packages that files were left of, the version is what it was. */
function toManifest(
  recipe: Recipe,
  plan: JailPlan,
  recorded: readonly Recorded[],
  stale: Readonly<Record<string, string>>,
): Manifest {
  const packages: Record<string, string> = {};
  const entries = recorded.map((entry) => {
    const name = entry.source === undefined ? undefined : plan.packageOf(entry.source);
    const version = name === undefined ? undefined : (stale[name] ?? plan.versionOf(name));
    if (name === undefined || version === undefined) return entry;
    packages[name] = version;
    return { ...entry, package: name };
  });
  const sorted = Object.fromEntries(Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { recipe, packs: plan.packs, packages: sorted, entries };
}
