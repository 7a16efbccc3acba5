// Carries out a plan: copies and records its entries, puts them in place, and removes entries that are no longer planned.

import { readFileSync } from 'node:fs';

import { readCache } from '../../binary/cache.ts';
import { readSmallFile } from '../../binary/loader-conf.ts';
import { type BytePath, bytePath } from '../../binary/path.ts';
import type { DirectoryRoot, FileRoot } from '../../binary/root.ts';
import { mountsIn, pointIn, readMounts } from '../host/mounts.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import { isSameManifest, type Manifest, type Recorded, writeManifest } from '../manifest/manifest.ts';
import { fromText } from '../manifest/path-text.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { CACHE_PATH, cacheFor } from '../plan/library-cache.ts';
import type { JailPlan } from '../plan/jail-plan.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import { begin, openTurns, type Progress } from '../work/steps.ts';
import { openJudge, type Verdict } from './judge.ts';
import { isEmpty } from './commit-list.ts';
import type { Left } from './left.ts';
import { foresee, foreseeNew } from './recording.ts';
import { toRecorded } from './recording.ts';
import type { Store } from './store.ts';
import { setTimes } from './times.ts';
import { findUnneeded } from './judge.ts';
import { type KnownFiles, readKnown, type Roots } from './file-facts.ts';
import { JailWriter, type Written } from './jail-writer.ts';

export interface Applying {
  readonly source: FileRoot;
  readonly sourceFd: number;
  readonly jail: DirectoryRoot;
  /** The path of the jail on the host, links resolved. */
  readonly directory: BytePath;
  readonly store: Store;
  readonly before: Manifest | undefined;
  /** Paths of the jail to replace even if they were changed there. */
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
 * Until the change is decided, an error or the signal leaves the jail unchanged.
 * @throws AbortError, JailError; system errors
 */
export async function applyPlan(recipe: Recipe, plan: JailPlan, work: Applying): Promise<Applied> {
  const { source, sourceFd, jail, store, before, replace, signal, onProgress } = work;
  const judge = openJudge({ jail, before, replace });
  const mounted = mountedIn(work.directory);
  const writer = new JailWriter({ source, sourceFd, jail, store, judge, mounted });
  const outcome = openOutcome(before);
  try {
    await addAll(withCache(plan, jail), work, { writer, outcome });
  } finally {
    await writer.close();
  }
  const unneeded = await findUnneeded(jail, judge, { before, planned: outcome.planned });
  for (const { path, was } of unneeded.removable) writer.remove(path, was);
  const manifest = toManifest(recipe, plan, outcome.recorded, outcome.stale(before));
  throwIfAborted(signal);
  onProgress?.(begin('commit'));
  const changes = writer.changes();
  if (!isEmpty(changes) || before === undefined || !isSameManifest(before, manifest))
    store.commit(changes, writeManifest(manifest));
  setTimes(jail, manifest.entries, { left: outcome.leftPaths, made: writer.made });
  return { manifest, left: [...outcome.left, ...unneeded.left], warnings: outcome.warnings };
}

/** Mount points in the jail, as paths of the jail. */
function mountedIn(directory: BytePath): readonly BytePath[] {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  return mountsIn(mounts, directory).map((mount) => pointIn(mount, directory));
}

/** What `applyPlan` would do. Changes nothing. `jail` is undefined if there is none yet. */
export async function foreseePlan(
  recipe: Recipe,
  plan: JailPlan,
  {
    source,
    sourceFd,
    jail,
    before,
    replace,
    signal,
  }: Pick<Applying, 'source' | 'sourceFd' | 'before' | 'replace' | 'signal'> & {
    readonly jail: DirectoryRoot | undefined;
  },
): Promise<Applied> {
  const judge = jail && openJudge({ jail, before, replace });
  const outcome = openOutcome(before);
  const turns = openTurns();
  const entries = withCache(plan, jail);
  const slices =
    jail === undefined ? [[entries, undefined] as const] : readAhead(entries, { jail, sourceFd });
  for await (const [slice, known] of slices) {
    for (const entry of slice) {
      throwIfAborted(signal);
      const facts = entry.kind === 'file' ? known?.onHost(entry.source) : undefined;
      const record = await (jail === undefined ? foreseeNew(entry, source) : foresee(entry, source, facts));
      const verdict = (await judge?.judge(entry, async () => record, known)) ?? { action: 'put' };
      outcome.add(entry.path, verdict, record);
      await turns();
    }
  }
  const left = [...outcome.left];
  if (jail !== undefined && judge !== undefined)
    left.push(...(await findUnneeded(jail, judge, { before, planned: outcome.planned })).left);
  const manifest = toManifest(recipe, plan, outcome.recorded, outcome.stale(before));
  return { manifest, left, warnings: outcome.warnings };
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
  const pending: Pending[] = [];
  let next = 0;
  function recordMade(): void {
    for (; next < pending.length; next++) {
      const { entry, verdict, record, copy } = pending[next] as Pending;
      const content = copy?.content();
      if (copy !== undefined && content === undefined) return;
      outcome.add(entry.path, verdict, content === undefined ? record : toRecorded(entry, content));
      tell(entry);
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
  writer.flush();
  for (recordMade(); next < pending.length; recordMade()) {
    await pending[next]?.copy?.ended;
    throwIfAborted(signal);
  }
}

interface Pending extends Written {
  readonly entry: Entry;
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

/** If an outdated file of a package was left, the manifest keeps the package's old version. */
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

/** Collects the verdicts on the entries of a plan. */
interface Outcome {
  /** `record` is the record of the entry as planned. */
  add(path: BytePath, verdict: Verdict, record: Recorded | undefined): void;
  /** The entries of the new manifest. An entry that was left keeps its old record. */
  readonly recorded: readonly Recorded[];
  readonly left: readonly Left[];
  readonly leftPaths: ReadonlySet<BytePath>;
  /** All planned paths, including those that were left. */
  readonly planned: ReadonlySet<BytePath>;
  readonly warnings: string[];
  /** Packages with a file that was left outdated, and the version that the manifest had. */
  stale(before: Manifest | undefined): Readonly<Record<string, string>>;
}

function openOutcome(before: Manifest | undefined): Outcome {
  const known = new Map((before?.entries ?? []).map((entry) => [entry.path, entry]));
  const recorded: Recorded[] = [];
  const left: Left[] = [];
  const leftPaths = new Set<BytePath>();
  const planned = new Set<BytePath>();
  const warnings: string[] = [];
  return {
    add: (path, { action, left: one, warning }, record) => {
      planned.add(path);
      if (one !== undefined) left.push(one);
      if (warning !== undefined) warnings.push(warning);
      if (action === 'leave') leftPaths.add(path);
      const kept = action === 'leave' ? known.get(path) : record;
      if (kept !== undefined) recorded.push(kept);
    },
    recorded,
    left,
    leftPaths,
    planned,
    warnings,
    stale: (old) => {
      const outdated = left
        .filter(({ isOutdated }) => isOutdated)
        .map(({ path }) => known.get(fromText(path)));
      return Object.fromEntries(
        outdated.flatMap((entry) => {
          const name = entry?.package;
          const version = name === undefined ? undefined : old?.packages[name];
          return name === undefined || version === undefined ? [] : [[name, version]];
        }),
      );
    },
  };
}
