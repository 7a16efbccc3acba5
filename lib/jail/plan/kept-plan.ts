// Keeps the plan of a jail for its next update, which does not plan again if nothing has changed that the planner has seen.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';

import { type BytePath, parentPath, pathBytes } from '../../tree/path.ts';
import { type Notes, noteReads } from '../../tree/noted-root.ts';
import { native } from '../../native.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import { errorCode, lookOr } from '../../words/system-error.ts';
import type { HostDatabase } from '../dpkg/host-database.ts';
import type { Origin } from '../manifest/origin.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailPlan, PlanSource } from './jail-plan.ts';

/** The caller's, mode 0700. Its files can be removed at any time (file-hierarchy(7), XDG Base Directory Specification). */
function cacheDirectory(): string | undefined {
  if (!isOrdinary(caller())) return '/var/cache/uchroot';
  const { XDG_CACHE_HOME: cache = '', HOME: home = '' } = process.env;
  if (cache.startsWith('/')) return `${cache}/uchroot`;
  return home.startsWith('/') ? `${home}/.cache/uchroot` : undefined;
}

type PlanData = Omit<JailPlan, 'packageOf' | 'versionOf' | 'originOf'> & {
  readonly packages: ReadonlyMap<BytePath, string>;
  readonly versions: ReadonlyMap<string, string | undefined>;
  readonly origins: ReadonlyMap<string, Origin | undefined>;
};

interface Kept {
  /** The recipe, the host and the version of this code, as JSON. */
  readonly key: string;
  readonly seen: readonly Seen[];
  readonly plan: PlanData;
}

/** Paths that were looked at or read, each with a NUL, and the hash of their stamps. */
interface Seen {
  readonly looked: Buffer;
  readonly read: Buffer;
  readonly hash: Buffer;
}

/** Jails that are made of the same plan, one after the other. Each is in `directory`, from which nothing is taken. */
export interface PlanSlot {
  readonly directory: BytePath;
  readonly database: HostDatabase;
  /** The plan that was made a moment ago. */
  latest?: { readonly key: string; readonly plan: JailPlan };
}

/** `rootFd` is a descriptor of the source's root. The plan is kept under the name of `directory`. */
export function openKeptPlan(
  directory: BytePath,
  rootFd: number,
  recipe: Recipe,
  { root, database, ...host }: PlanSource,
  slot: PlanSlot | undefined,
) {
  const { ino, ctimeNs } = statSync(import.meta.filename, { bigint: true });
  const key = JSON.stringify([process.version, String(ino), String(ctimeNs), recipe, host]);
  const path = fileOf(directory);
  const latest = slot?.latest?.key === key ? slot.latest.plan : undefined;
  const plan = latest ?? (path === undefined ? undefined : takePlan(path, rootFd, key));
  const [readMs, mounts] = [Date.now(), readMountTable()];
  const notes = noteReads(root);
  return {
    /** Undefined if the jail must be planned. */
    plan,
    /** The root to plan from. It notes what is looked at. */
    root: notes.root,
    /** Keeps a plan that was made from that root, if it is certain that nothing has changed meanwhile. */
    keep: (made: JailPlan): void => {
      if (slot !== undefined) slot.latest = { key, plan: made };
      if (plan !== undefined) return;
      const parts = [{ notes, readMs }, ...(database === undefined ? [] : [database])];
      const seen = parts.map((one) => stamp(rootFd, one));
      const isCertain = seen.every((one) => one !== undefined) && mounts === readMountTable();
      if (isCertain && path !== undefined) writeKept(path, { key, seen, plan: toData(made) });
    },
  };
}

// Undefined if something may have changed since it was read.
function stamp(
  rootFd: number,
  { notes, readMs }: { readonly notes: Notes; readonly readMs: number },
): Seen | undefined {
  const [looked, read] = [withNuls(withParents(notes)), withNuls(notes.read)];
  const { hash, newestMs } = native.stampPaths(rootFd, looked, read);
  // A second is far more than the clock of a file system lags behind (current_time() of the kernel: some milliseconds).
  return newestMs < readMs - 1000 && notes.isCertain() ? { looked, read, hash } : undefined;
}

/** Removes the kept plan of a jail that is no more. */
export function forgetPlan(directory: BytePath): void {
  const path = fileOf(directory);
  // the jail is gone; a plan that stays is used only for the same recipe on an unchanged host
  if (path !== undefined) lookOr(undefined, () => rmSync(path, { force: true }));
}

/** Undefined if nothing can be kept. */
function fileOf(directory: BytePath): string | undefined {
  const cache = cacheDirectory();
  return cache && `${cache}/${createHash('sha256').update(directory, 'latin1').digest('hex')}`;
}

const readMountTable = (): string => readFileSync('/proc/self/mountinfo', 'latin1');

function withNuls(paths: Iterable<BytePath>): Buffer {
  return pathBytes(Array.from(paths, (path) => `${path}\0`).join('') as BytePath);
}

/** A rename of a directory above a path changes the stamp only of that directory. */
function withParents({ looked, read }: Pick<Notes, 'looked' | 'read'>): ReadonlySet<BytePath> {
  const all = new Set<BytePath>(looked);
  for (const path of [...looked, ...read])
    for (let at = parentPath(path); !all.has(at); at = parentPath(at)) all.add(at);
  return all;
}

function toData({ packageOf, versionOf, originOf, ...plan }: JailPlan): PlanData {
  const packages = new Map<BytePath, string>();
  for (const entry of plan.entries) {
    const name = entry.kind === 'file' ? packageOf(entry.source) : undefined;
    if (entry.kind === 'file' && name !== undefined) packages.set(entry.source, name);
  }
  const names = [...new Set(packages.values())];
  const versions = new Map(names.map((name) => [name, versionOf(name)]));
  const origins = new Map(names.map((name) => [name, originOf(name)]));
  return { ...plan, packages, versions, origins };
}

function takePlan(path: string, rootFd: number, key: string): JailPlan | undefined {
  try {
    if (!isCallers(dirname(path))) return undefined;
    const kept = deserialize(readFileSync(path)) as Kept;
    if (kept.key !== key) return undefined;
    const isSame = ({ looked, read, hash }: Seen) =>
      native.stampPaths(rootFd, looked, read).hash.equals(hash);
    if (!kept.seen.every(isSame)) return undefined;
    const { packages, versions, origins, ...plan } = kept.plan;
    return {
      ...plan,
      packageOf: (of) => packages.get(of),
      versionOf: (name) => versions.get(name),
      originOf: (name) => origins.get(name),
    };
  } catch {
    return undefined; // there is none, or it is damaged: the jail is planned
  }
}

function isCallers(directory: string): boolean {
  const status = lstatSync(directory);
  return status.isDirectory() && status.uid === caller().uid && (status.mode & 0o022) === 0;
}

function writeKept(path: string, kept: Kept): void {
  const fresh = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!isCallers(dirname(path))) return;
    writeFileSync(fresh, serialize(kept), { mode: 0o600, flag: 'wx' });
    renameSync(fresh, path);
  } catch (error) {
    // without it, the next update only takes longer
    if (errorCode(error) === undefined) throw error;
    lookOr(undefined, () => rmSync(fresh, { force: true }));
  }
}
