// Keeps the plan of a jail for its next update, which does not plan again if nothing has changed that the planner has seen.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';

import { type BytePath, parentPath, pathBytes } from '../../tree/path.ts';
import { errorCode, type FileRoot, type FileStatus, openFileLines, readHeads } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import type { Origin } from '../manifest/origin.ts';
import type { Recipe } from '../manifest/recipe.ts';
import { lookOr } from '../work/jail-error.ts';
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
  /** The paths that the planner looked at or read, each with a NUL, and the hash of their stamps. */
  readonly looked: Buffer;
  readonly read: Buffer;
  readonly hash: Buffer;
  readonly plan: PlanData;
}

/** `rootFd` is a descriptor of the source's root. */
export function openKeptPlan(
  directory: BytePath,
  rootFd: number,
  recipe: Recipe,
  { root, ...host }: PlanSource,
) {
  const { ino, ctimeNs } = statSync(import.meta.filename, { bigint: true });
  const key = JSON.stringify([process.version, String(ino), String(ctimeNs), recipe, host]);
  const path = fileOf(directory);
  const plan = path === undefined ? undefined : takePlan(path, rootFd, key);
  const [startMs, mounts] = [Date.now(), readMountTable()];
  const notes = noteReads(root);
  return {
    /** Undefined if the jail must be planned. */
    plan,
    /** The root to plan from. It notes what is looked at. */
    root: notes.root,
    /** Keeps a plan that was made from that root, if it is certain that nothing has changed meanwhile. */
    keep: (made: JailPlan): void => {
      const [looked, read] = [withNuls(withParents(notes)), withNuls(notes.read)];
      const { hash, newestMs } = native.stampPaths(rootFd, looked, read);
      // A second is far more than the clock of a file system lags behind (current_time() of the kernel: some milliseconds).
      const isCertain = newestMs < startMs - 1000 && notes.isCertain() && mounts === readMountTable();
      if (isCertain && path !== undefined) writeKept(path, { key, looked, read, hash, plan: toData(made) });
    },
  };
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

function readMountTable(): string {
  return readFileSync('/proc/self/mountinfo', 'latin1');
}

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

type Notes = ReturnType<typeof noteReads>;

/** Errors that last as long as the file is the same. */
const LASTING: ReadonlySet<unknown> = new Set(['EISDIR', 'EINVAL', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG']);

function noteReads(root: FileRoot) {
  const [looked, read] = [new Set<BytePath>(), new Set<BytePath>()];
  let isCertain = true;
  function watch<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      isCertain &&= LASTING.has(errorCode(error));
      throw error;
    }
  }
  const noting: FileRoot = {
    lstat: (path) => {
      looked.add(path);
      return watch(() => statusOf(root.lstat(path)));
    },
    list: (path) => {
      read.add(path);
      return watch(() => root.list(path));
    },
    open: (path) => {
      read.add(path);
      const file = watch(() => root.open(path));
      return file && { ...file, read: (...range) => watch(() => file.read(...range)) };
    },
    readHeads: (paths, maxBytes) => {
      const heads = readHeads(root, paths, maxBytes);
      for (const [index, path] of paths.entries()) {
        read.add(path);
        // a file that cannot be read now may be readable later
        isCertain &&= heads[index] !== undefined || root.lstat(path) === undefined;
      }
      return heads;
    },
    // a file that cannot be read is set aside, and so opened by itself
    openFileLines: (paths, special) => {
      for (const path of paths) read.add(path);
      return openFileLines(root, paths, special);
    },
  };
  return { looked, read, root: noting, isCertain: () => isCertain };
}

// A directory's size and times change with each file in it. The planner must not see anything that its stamp does not hold. It
// may use the access control list only of a directory that it reads, as it does for a copy.
function statusOf(status: FileStatus | undefined): FileStatus | undefined {
  if (status?.kind !== 'directory') return status;
  return { ...status, sizeBytes: 0, mtimeMs: 0 };
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
    if (!native.stampPaths(rootFd, kept.looked, kept.read).hash.equals(kept.hash)) return undefined;
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
