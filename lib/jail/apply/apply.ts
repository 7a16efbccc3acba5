// Makes a jail what its plan says: copies, records, puts in place, and takes away what is needed no longer.

import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { readCache } from '../../binary/cache.ts';
import { readSmallFile } from '../../binary/conf.ts';
import { type BytePath, bytePath, showPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileRoot } from '../../binary/root.ts';
import { readMounts } from '../host/mountinfo.ts';
import { mountsIn, pointIn } from '../host/mounts.ts';
import type { Entry } from '../manifest/entry.ts';
import { hashInJail } from '../manifest/hash.ts';
import { type Manifest, type Recorded, writeManifest } from '../manifest/manifest.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { CACHE_PATH, cacheFor } from '../plan/cache.ts';
import type { JailPlan } from '../plan/plan.ts';
import { throwIfAborted, toJailError } from '../work/failure.ts';
import { begin, type Progress } from '../work/progress.ts';
import { judge } from './keep.ts';
import { foresee } from './record.ts';
import type { Store } from './store.ts';
import { type JailWriter, openWriter } from './write.ts';

export interface Applying {
  readonly source: FileRoot;
  readonly jail: DirectoryRoot;
  /** Where the jail really lies on the host. */
  readonly directory: BytePath;
  readonly store: Store;
  readonly before: Manifest | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Applied {
  readonly manifest: Manifest;
  readonly warnings: readonly string[];
}

/**
 * Until the change is decided, an error or the signal leaves the jail as it was.
 * @throws AbortError, JailError; system errors
 */
export async function applyPlan(recipe: Recipe, plan: JailPlan, work: Applying): Promise<Applied> {
  const { source, jail, store, before, signal, onProgress } = work;
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const writer = openWriter({ source, jail, store, known, mounted: mountedIn(work.directory) });
  try {
    const recorded = await addAll(withCache(plan, jail), writer, work);
    const manifest = toManifest(recipe, plan, recorded);
    const { obsolete, kept } = await findObsolete(jail, manifest, known);
    throwIfAborted(signal);
    onProgress?.(begin('commit'));
    store.commit(writer.staged(), obsolete, writeManifest(manifest));
    writer.setTimes(manifest.entries);
    return { manifest, warnings: [...writer.warnings, ...kept.map(keptWarning)] };
  } catch (error) {
    if (!store.decided) writer.rollBack();
    throw error;
  }
}

/** What something is mounted on in the jail, as the jail sees it. */
function mountedIn(directory: BytePath): readonly BytePath[] {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  return mountsIn(mounts, directory).map((mount) => pointIn(mount, directory));
}

function keptWarning(path: BytePath): string {
  return `${showPath(path)} is needed no longer, but was changed in the jail: it stays`;
}

/** What `applyPlan` would make, and what it would warn of. Changes nothing; `jail` is undefined where there is none yet. */
export async function foreseePlan(
  recipe: Recipe,
  plan: JailPlan,
  {
    source,
    jail,
    before,
    signal,
  }: Pick<Applying, 'source' | 'before' | 'signal'> & {
    readonly jail: DirectoryRoot | undefined;
  },
): Promise<Applied> {
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const recorded: Recorded[] = [];
  const warnings: string[] = [];
  for (const entry of withCache(plan, jail)) {
    throwIfAborted(signal);
    const record = await foresee(entry, source);
    recorded.push(record);
    if (jail === undefined || entry.kind === 'directory' || entry.kind === 'device') continue;
    const { warning } = await judge(jail, known.get(entry.path), record, jail.lstat(entry.path));
    if (warning !== undefined) warnings.push(warning);
    await setImmediate();
  }
  const manifest = toManifest(recipe, plan, recorded);
  const { kept } = jail === undefined ? { kept: [] } : await findObsolete(jail, manifest, known);
  return { manifest, warnings: [...warnings, ...kept.map(keptWarning)] };
}

async function addAll(
  entries: readonly Entry[],
  writer: JailWriter,
  { signal, onProgress }: Applying,
): Promise<readonly Recorded[]> {
  const files = entries.filter((entry) => entry.kind === 'file');
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const start = begin('copy', files.length, total);
  let [done, doneBytes] = [0, 0];
  onProgress?.(start);
  const recorded: Recorded[] = [];
  for (const entry of entries) {
    throwIfAborted(signal);
    recorded.push(await add(writer, entry));
    if (entry.kind === 'file') {
      doneBytes += entry.sizeBytes;
      onProgress?.({ ...start, files: ++done, sizeBytes: doneBytes });
    }
    await setImmediate(); // a service that builds a jail goes on serving
  }
  return recorded;
}

async function add(writer: JailWriter, entry: Entry): Promise<Recorded> {
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

/** The manifest of what was recorded, with the packages that it is from. */
function toManifest(recipe: Recipe, plan: JailPlan, recorded: readonly Recorded[]): Manifest {
  const packages: Record<string, string> = {};
  const entries = recorded.map((entry) => {
    const name = entry.source === undefined ? undefined : plan.packageOf(entry.source);
    const version = name === undefined ? undefined : plan.versionOf(name);
    if (name === undefined || version === undefined) return entry;
    packages[name] = version;
    return { ...entry, package: name };
  });
  const sorted = Object.fromEntries(Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return { recipe, packs: plan.packs, packages: sorted, entries };
}

/** What the old manifest has and the new one has not, deepest first; what was changed in the jail stays. */
async function findObsolete(
  jail: DirectoryRoot,
  after: Manifest,
  known: ReadonlyMap<BytePath, Recorded>,
): Promise<{ readonly obsolete: readonly BytePath[]; readonly kept: readonly BytePath[] }> {
  const needed = new Set(after.entries.map(({ path }) => path));
  const obsolete: BytePath[] = [];
  const kept: BytePath[] = [];
  for (const entry of [...known.values()].toReversed()) {
    if (needed.has(entry.path)) continue;
    const isOurs = await isAsRecorded(jail, entry);
    if (isOurs !== undefined) (isOurs ? obsolete : kept).push(entry.path);
  }
  return { obsolete, kept };
}

/** Undefined if nothing is there any more. */
async function isAsRecorded(jail: DirectoryRoot, entry: Recorded): Promise<boolean | undefined> {
  const present = jail.lstat(entry.path);
  if (present === undefined) return undefined;
  switch (entry.kind) {
    case 'directory':
      return present.kind === 'directory'; // removed only if it is empty
    case 'link':
      return present.target === entry.target;
    case 'file':
      return present.kind === 'file' && (await hashInJail(jail, entry.path)) === entry.sha256;
    case 'device':
      return present.kind === 'other';
    default:
      return entry.kind satisfies never;
  }
}
