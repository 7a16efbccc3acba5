// Reduces a plan to the part that an ordinary user can make. He owns everything in his jail. Files and rights that only root can give are
// left out, and a note says so.

import { type BytePath, isWithin, showPath, showPaths } from '../../tree/path.ts';
import { type FileRoot, readHeads } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { JailError } from '../../errors.ts';
import { caller } from '../../trust/owner.ts';
import { errorCode } from '../../words/system-error.ts';
import type { Entry } from '../manifest/planned-entry.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { JailPlan } from './jail-plan.ts';

/** A root in which unreadable files count as absent; `denied` are the paths of these. */
export interface ReadableRoot {
  readonly root: FileRoot;
  readonly denied: ReadonlySet<BytePath>;
}

export function openReadable(root: FileRoot): ReadableRoot {
  const denied = new Set<BytePath>();
  function look<T>(path: BytePath, use: () => T): T | undefined {
    try {
      return use();
    } catch (error) {
      if (errorCode(error) !== 'EACCES') throw error;
      denied.add(path);
      return undefined;
    }
  }
  const readable: FileRoot = {
    ...root,
    lstat: (path) => look(path, () => root.lstat(path)),
    list: (path) => look(path, () => root.list(path)),
    open: (path) => look(path, () => root.open(path)),
  };
  return { root: readable, denied };
}

export interface OrdinaryPlan {
  readonly plan: JailPlan;
  /** Sentences about what is left out or is not as root would make it. */
  readonly notes: readonly string[];
}

/** @throws JailError EACCES if a file that was asked for may not be read */
export function toOrdinary(plan: JailPlan, recipe: Recipe, { root, denied }: ReadableRoot): OrdinaryPlan {
  const closed = unreadable(root, plan.entries);
  refuseAsked(root, recipe, plan.absent, new Set([...denied, ...closed]));
  const lost: Record<keyof typeof NOTES, BytePath[]> = {
    devices: [],
    closed: [],
    owners: [],
    privileges: [],
  };
  const entries = plan.entries.flatMap((entry): readonly Entry[] => {
    if (entry.kind === 'device') {
      lost.devices.push(entry.path);
      return [];
    }
    if (entry.kind === 'file' && closed.has(entry.source)) return [];
    if (entry.kind === 'link' || entry.kind === 'data') return [entry];
    if (isOthers(entry)) lost.owners.push(entry.path);
    if (entry.kind === 'directory') return [{ ...withoutOwner(entry), mode: ownMode(entry, 0o700) }];
    const { keepPrivileges, ...file } = withoutOwner(entry);
    if (keepPrivileges === true) lost.privileges.push(entry.path);
    return [{ ...file, mode: ownMode(entry, 0o400) & 0o777 }];
  });
  const secrets = plan.secrets.filter((path) => !isClosed(root, path));
  const copied = recipe.copies.map(({ from }) => walk(root, from).path);
  const directories = [...denied].filter((path) => copied.some((from) => isWithin(path, from)));
  const closedSecrets = plan.secrets.filter((path) => !secrets.includes(path));
  lost.closed.push(...new Set([...closed, ...directories, ...closedSecrets]));
  const notes = Object.entries(NOTES).flatMap(([kind, words]) => {
    const paths = lost[kind as keyof typeof NOTES];
    return paths.length === 0 ? [] : [words(showPaths(paths))];
  });
  return { plan: { ...plan, entries, secrets }, notes };
}

const NOTES = {
  devices: (paths: string) =>
    `devices are left out, because only root can make them: ${paths}; uchroot --rootless --dev /dev shows those of the host`,
  closed: (paths: string) => `left out, because this user may not read it: ${paths}`,
  owners: (paths: string) => `owned by this user, because only root can give files to others: ${paths}`,
  privileges: (paths: string) =>
    `without set-user-ID, set-group-ID and file capabilities, because only root can give them: ${paths}`,
} as const;

type Owned = Extract<Entry, { readonly kind: 'file' | 'directory' }>;

function isOthers({ uid = 0, gid = 0 }: Owned): boolean {
  const own = caller();
  return (uid !== 0 && uid !== own.uid) || (gid !== 0 && gid !== own.gid);
}

const withoutOwner = <T extends Owned>({ uid: _uid, gid: _gid, ...rest }: T): Omit<T, 'uid' | 'gid'> => rest;

// The owner must be able to update and to remove the entry. It does not get the planned group, so the group's rights become those of others.
function ownMode({ mode, gid = 0 }: Owned, least: number): number {
  const group = (mode & 0o007) << 3;
  return (gid === 0 ? mode : (mode & ~0o070) | group) | least;
}

const BATCH = 256;

function unreadable(root: FileRoot, entries: readonly Entry[]): ReadonlySet<BytePath> {
  const sources = entries.flatMap((entry) => (entry.kind === 'file' ? [entry.source] : []));
  const closed = new Set<BytePath>();
  for (let from = 0; from < sources.length; from += BATCH) {
    const batch = sources.slice(from, from + BATCH);
    for (const [index, head] of readHeads(root, batch, 1).entries()) {
      const path = batch[index];
      // a file that has vanished since has its own error
      if (head === undefined && path !== undefined && isClosed(root, path)) closed.add(path);
    }
  }
  return closed;
}

function isClosed(root: FileRoot, path: BytePath): boolean {
  const status = root.lstat(path);
  if (status === undefined) return false;
  if (status.kind === 'directory') return root.list(path) === undefined;
  const file = root.open(path);
  file?.close();
  return file === undefined;
}

function refuseAsked(
  root: FileRoot,
  { programs, copies }: Recipe,
  absent: readonly BytePath[],
  closed: ReadonlySet<BytePath>,
): void {
  const asked = [...programs, ...copies.map(({ from }) => from)];
  const found = asked.find((path) => {
    const real = walk(root, path).path;
    if (!absent.includes(path)) return closed.has(real);
    return [...closed].some((one) => isWithin(real, one));
  });
  if (found === undefined) return;
  const path = showPath(found);
  throw new JailError(`${path}, which was asked for, may not be read by this user`, {
    code: 'EACCES',
    path,
    hint: 'root can build the jail: try sudo',
  });
}
