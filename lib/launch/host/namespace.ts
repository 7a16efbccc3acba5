// What a user namespace keeps from root: setgroups(2), and ids that are not mapped in it (user_namespaces(7)).
import { readFileSync, readlinkSync } from 'node:fs';

import { LaunchError } from '../../errors.ts';
import type { Account } from './account.ts';

// PROC_USER_INIT_INO (linux/proc_ns.h): every id is mapped there, and nothing is denied.
const initial = 'user:[4026531837]';
let isInitial: boolean | undefined;

// Asked once: a process with several threads, as each of Node is, cannot enter another one (unshare(2), EINVAL).
function isInitialNamespace(): boolean {
  if (isInitial !== undefined) return isInitial;
  try {
    isInitial = readlinkSync('/proc/self/ns/user') === initial;
  } catch {
    isInitial = true; // without /proc no launch gets far, and its own message says so
  }
  return isInitial;
}

/** What the files of a user namespace say, in /proc/self. */
export interface Namespace {
  readonly setgroups: string;
  readonly uidMap: string;
  readonly gidMap: string;
}

function isMapped(map: string, id: number): boolean {
  return map.split('\n').some((line) => {
    const [inside = Number.NaN, , count = 0] = line.trim().split(/ +/).map(Number);
    return id >= inside && id < inside + count;
  });
}

/** Why root cannot take this identity in a user namespace; undefined if it can. Pure. */
export function findUnmapped(account: Account, namespace: Namespace): LaunchError | undefined {
  const { uid, gid, groups } = account;
  const isDenied = namespace.setgroups.trim() === 'deny';
  const gids = [...new Set([gid, ...groups])].filter((id) => !isMapped(namespace.gidMap, id));
  const isUidMapped = isMapped(namespace.uidMap, uid);
  if (!isDenied && gids.length === 0 && isUidMapped) return undefined;
  const causes = [
    ...(isDenied ? ['setgroups=deny (/proc/self/setgroups)'] : []),
    ...(isUidMapped ? [] : [`uid ${uid} has no mapping (/proc/self/uid_map)`]),
    ...(gids.length === 0 ? [] : [`gid ${gids.join(',')} has no mapping (/proc/self/gid_map)`]),
  ];
  const isOfGroups = isDenied || groups.some((group) => gids.includes(group));
  const step = isOfGroups ? 'setgroups' : gids.length > 0 ? 'setresgid' : 'setresuid';
  return new LaunchError(`${step}: this user namespace does not allow root to become uid ${uid}`, {
    step,
    code: isDenied ? 'EPERM' : 'EINVAL',
    errno: isDenied ? 1 : 22,
    hint: `${causes.join('; ')}: start uchroot in a namespace that maps these ids and allows setgroups (newuidmap(1), unshare --map-auto)`,
  });
}

const read = (name: string): string => readFileSync(`/proc/self/${name}`, 'latin1');

/** Throws LaunchError if the user namespace of this process does not let root become this account. */
export function requireMappings(account: Account): void {
  if (isInitialNamespace()) return;
  const problem = findUnmapped(account, {
    setgroups: read('setgroups'),
    uidMap: read('uid_map'),
    gidMap: read('gid_map'),
  });
  if (problem !== undefined) throw problem;
}
