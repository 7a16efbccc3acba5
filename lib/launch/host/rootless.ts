// A launch without root: the caller's ids, and the program's account in its user namespace.
import { readFileSync } from 'node:fs';

import { LaunchError } from '../../errors.ts';
import type { HostFacts, SubordinateFacts } from '../../native.ts';
import { lookOr } from '../../words/system-error.ts';
import type { NormalRequest } from '../request/request.ts';
import { toAccount, type Account, type Outside } from './account.ts';
import { isMapped, outsideOf, requireMapped, toIdMaps } from './subordinate-ids.ts';

// Empty without /proc: the launch fails then, with a message about that.
const read = (path: string): string => lookOr('', () => readFileSync(path, 'latin1'));

// Not process.getgroups(): Node adds the gid to it. The order is that of getgroups(2).
function supplementaryGroups(): readonly number[] {
  const line = /^Groups:(.*)$/m.exec(read('/proc/self/status'))?.[1] ?? '';
  return line.split(/\s+/).filter(Boolean).map(Number);
}

/**
 * The ids of this process, for a launch without root.
 *
 * @throws LaunchError ERR_ROOT if it is root: the program would own root's files, and root can have other ids for it
 */
function requireOrdinary(): Outside {
  const [uid = 0, euid = 0, gid = 0] = [process.getuid?.(), process.geteuid?.(), process.getegid?.()];
  if (uid !== 0 && euid === uid) return { uid, gid, groups: supplementaryGroups() };
  throw new LaunchError(
    `rootless: uchroot must be run by an ordinary user.  Current uid=${uid}, euid=${euid}`,
    {
      step: 'root',
      code: 'ERR_ROOT',
      hint: 'root starts the program with --isolate, as any user; or first becomes one: setpriv --reuid=USER --regid=GROUP --init-groups uchroot --rootless ...',
    },
  );
}

// How the kernel shows an id that is not mapped (user_namespaces(7), "Unmapped user and group IDs").
const overflowGid = (): number => Number(read('/proc/sys/kernel/overflowgid') || 65534);

/**
 * The account of a launch without root. Its uid and gid are the numbers that the caller's own ids have in the user namespace. Without a
 * range of ids there are no others.
 *
 * @throws LaunchError as toAccount(), ERR_ROOT, ERR_NO_SUBORDINATE_IDS
 */
export function rootlessAccount(request: NormalRequest, facts: HostFacts): Account {
  const outside = requireOrdinary();
  const own = { id: outside.gid, text: String(outside.gid) };
  const asked = facts.passwd === null && request.group === undefined ? { ...request, group: own } : request;
  if (facts.subordinate !== undefined)
    return mappedAccount(toAccount(asked, facts), outside, facts.subordinate);
  const account = toAccount({ ...asked, groups: [] }, facts);
  const groups = outside.groups.map((gid) => (gid === outside.gid ? account.gid : overflowGid()));
  return Object.freeze({ ...account, groups, memberships: [], outside });
}

// With a range of ids the groups are those that the program would have if root had started it.
function mappedAccount(account: Account, outside: Outside, facts: SubordinateFacts): Account {
  refuseNoNewPrivs();
  const maps = toIdMaps(facts, outside, account);
  const groups = requireMapped(account.groups, maps);
  const onHost = groups.map((gid) => outsideOf(maps.gids, gid) ?? outside.gid);
  return Object.freeze({
    ...account,
    groups,
    memberships: [],
    outside: { ...outside, groups: onHost, maps },
  });
}

// With no_new_privs, newuidmap(1) gets no privileges (PR_SET_NO_NEW_PRIVS(2const)).
function refuseNoNewPrivs(): void {
  if (!/^NoNewPrivs:\s*1$/m.test(read('/proc/self/status'))) return;
  throw new LaunchError('map_ids: no_new_privs is set, and so newuidmap and newgidmap have no privileges', {
    step: 'map_ids',
    code: 'EPERM',
    errno: 1,
    hint: 'start it where set-user-ID programs work: in a unit NoNewPrivileges=no and none of the settings that imply it (systemd.exec(5)), in a container no --security-opt no-new-privileges; or leave --map-auto out',
  });
}

/** Whether a uid of the host is the caller's: his own, or one of his range in a launch that has it. */
export function isOwn({ uid, maps }: Outside, other: number | undefined): boolean {
  return other !== undefined && (other === uid || (maps !== undefined && isMapped(maps.uids, other)));
}

/** The account by which the host decides about files. */
export function hostAccount(account: Account): Account {
  const { outside } = account;
  return outside === undefined ? account : { ...account, ...outside };
}
