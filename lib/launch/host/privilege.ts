// Whether this process has the privilege that a launch needs: root, its capabilities, and in a user namespace setgroups(2) and the
// ids that are mapped there (user_namespaces(7)).
import { readFileSync, readlinkSync } from 'node:fs';

import { exitStatuses, LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { lookOr } from '../../words/system-error.ts';
import type { NormalRequest, Principal } from '../request/request.ts';
import type { Account } from './account.ts';
import { readingKernel } from './kernel-file.ts';

/** Throws LaunchError, with status 3, unless this process is root. */
export function requireRoot(): void {
  const [uid, euid] = [process.getuid?.(), process.geteuid?.()];
  // Both: set-user-ID root would run Node with an ordinary user's environment.
  if (uid === 0 && euid === 0) return;
  throw new LaunchError(`uchroot must be run as root.  Current uid=${uid}, euid=${euid}`, {
    step: 'root',
    code: 'ERR_NOT_ROOT',
    hint: 'start it with sudo, or from a unit without User=; or without root: --rootless (rootless: true)',
    exitStatus: exitStatuses.notRoot,
  });
}

/** Throws LaunchError ERR_ROOT_TARGET if the account has uid 0 or gid 0. */
export function refuseRoot({ uid, gid, groups }: Account, user: Principal): void {
  if (uid !== 0 && gid !== 0 && !groups.includes(0)) return;
  const who = quote(user.text);
  const [what, remedy] =
    uid === 0
      ? [`user ${who} is uid 0`, 'name an ordinary user']
      : gid === 0
        ? [`the group of ${who} is gid 0`, 'name an ordinary group, as USER:GROUP']
        : [`${who} would have gid 0 among its groups`, 'give the groups with --groups or --clear-groups'];
  throw new LaunchError(`account: ${what}, which has root's power in a jail; refused`, {
    step: 'account',
    code: 'ERR_ROOT_TARGET',
    hint: `${remedy}, or insist with --allow-root (allowRoot)`,
  });
}

// Those of Linux 5.6, the oldest kernel with openat2(2): linux/capability.h up to CAP_AUDIT_READ.
const usual = 2n ** 38n - 1n;

const CAP_KILL = 5n;

/** The steps that every launch has and that need a capability, in the order of a plan; the last only with --allow-new-privs. */
export const essentialSteps = [
  { step: 'chroot', needs: 'CAP_SYS_CHROOT', number: 18n },
  { step: 'setgroups', needs: 'CAP_SETGID', number: 6n },
  { step: 'setresuid', needs: 'CAP_SETUID', number: 7n },
  { step: 'seccomp', needs: 'CAP_SYS_ADMIN', number: 21n },
] as const;

/** Throws LaunchError if root here lacks a capability that every launch of this kind needs. */
export function requireCapabilities({
  allowNewPrivs,
  time,
}: Pick<NormalRequest, 'allowNewPrivs' | 'time'>): void {
  const effective = native.effectiveCapabilities();
  // Root with all capabilities, as usual.
  if ((effective & usual) === usual) return;
  // kill(2): the process that watches the time of a program of another user
  if (time !== undefined && ((effective >> CAP_KILL) & 1n) === 0n)
    throw new LaunchError('time: root lacks CAP_KILL here, and could not end the program (--time)', {
      step: 'time',
      code: 'EPERM',
      errno: 1,
      hint: 'give CAP_KILL to the container (--cap-add) or unit (CapabilityBoundingSet=) that runs uchroot',
    });
  const lacking = essentialSteps.filter(
    ({ step, number }) => (step !== 'seccomp' || allowNewPrivs) && ((effective >> number) & 1n) === 0n,
  );
  const [first] = lacking;
  if (first === undefined) return;
  const names = lacking.map(({ needs }) => needs).join(' and ');
  throw new LaunchError(`${first.step}: root lacks ${names} here`, {
    step: first.step,
    code: 'EPERM',
    errno: 1,
    hint: `give ${names} to the container (--cap-add) or unit (CapabilityBoundingSet=) that runs uchroot`,
  });
}

// PROC_USER_INIT_INO (linux/proc_ns.h): in the initial namespace every id is mapped and nothing is denied.
const initial = 'user:[4026531837]';
let isInitial: boolean | undefined;

// Asked once: a process with several threads, as Node has, cannot enter another user namespace (unshare(2), EINVAL).
// Without /proc the launch fails anyway, with a message about that.
const isInitialNamespace = (): boolean =>
  (isInitial ??= lookOr(initial, () => readlinkSync('/proc/self/ns/user')) === initial);

/** The files in /proc/self that describe the user namespace. */
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

const read = (name: string): string =>
  readingKernel('setgroups', () => readFileSync(`/proc/self/${name}`, 'latin1'));

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

/**
 * Throws the first problem of a launch by root, in the order of the C original.
 *
 * @param privileged whether the launch takes place, and so needs the privilege
 */
export function requirePrivilege(request: NormalRequest, account: Account, privileged: boolean): void {
  if (privileged) requireRoot();
  if (!request.allowRoot) refuseRoot(account, request.user);
  if (!privileged) return;
  requireCapabilities(request);
  requireMappings(account);
}
