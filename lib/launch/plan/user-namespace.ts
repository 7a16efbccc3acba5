// The steps by which an ordinary user gets rights over his own namespaces, and their rows: user_namespaces(7). Pure.
import type { Account, Outside } from '../host/account.ts';
import { namespaceFlags } from '../request/isolation-value.ts';
import { cString } from './jail-entry.ts';
import { maskOf } from './mount-steps.ts';
import { lie } from './namespaces.ts';
import type { Step } from './step.ts';
import type { FailureContext, SomeStepRows } from './step-row.ts';

const CLONE_NEWUSER = 0x10000000;

/**
 * The steps that map ids into a new user namespace. A range of ids needs a program of the host, and then setgroups(2) is allowed.
 * Otherwise the process itself writes the maps.
 */
export function mapIds(account: Account, outside: Outside): readonly Step[] {
  const { maps } = outside;
  if (maps === undefined) return mapOwnIds(account, outside);
  return [
    { op: 'map_ids', kind: 'uids', map: maps.uids },
    { op: 'map_ids', kind: 'gids', map: maps.gids },
  ];
}

/**
 * The first process of the new user namespace maps a single uid and a single gid: its own. The kernel allows that without privilege once
 * setgroups(2) is denied. Otherwise a user could leave a group whose members have fewer rights than others.
 */
function mapOwnIds({ uid, gid }: Account, outside: Outside): readonly Step[] {
  return [
    { op: 'id_map', file: 'uid_map', value: `${uid} ${outside.uid} 1` },
    { op: 'id_map', file: 'setgroups', value: 'deny' },
    { op: 'id_map', file: 'gid_map', value: `${gid} ${outside.gid} 1` },
  ];
}

type IdMap = Step & { op: 'id_map' };

function showMap({ file, value }: IdMap): string {
  const [inside = '', outside = ''] = value.split(' ');
  if (file === 'setgroups') return "setgroups(2) is refused: the caller's supplementary groups stay";
  return `${file === 'uid_map' ? 'uid' : 'gid'} ${inside} is ${outside} of the host, and no other is mapped`;
}

type MapIds = Step & { op: 'map_ids' };

// Absolute paths, because these programs have root's privileges, and PATH comes from the caller.
const mappers = { uids: '/usr/bin/newuidmap', gids: '/usr/bin/newgidmap' } as const;

const numbersOf = ({ map }: MapIds): readonly string[] =>
  map.flatMap(({ inside, outside, count }) => [inside, outside, count].map(String));

const span = (first: number, count: number): string =>
  count === 1 ? String(first) : `${first} to ${first + count - 1}`;

function showRanges({ kind, map }: MapIds): string {
  const lines = map.map(
    ({ inside, outside, count }) =>
      `${span(inside, count)} ${count === 1 ? 'is' : 'are'} ${span(outside, count)}`,
  );
  return `${kind === 'uids' ? 'uid' : 'gid'} ${lines.join(', ')} of the host`;
}

// The message of newuidmap or newgidmap, without the program's name.
const said = ({ detail }: FailureContext): string =>
  typeof detail === 'string' ? detail.trim().replace(/^new[ug]idmap: /, '') : '';

const install =
  'apt-get install uidmap (Debian, Ubuntu); dnf install shadow-utils (Fedora); or leave --map-auto out';

// The words are those of shadow's newuidmap and newgidmap, which are not translated without an environment.
function mapHint(context: FailureContext): string {
  const words = said(context);
  if (/not allowed/.test(words))
    return '/etc/subuid and /etc/subgid no longer give these ids to the caller: getsubids $USER, getsubids -g $USER';
  // map_write() in kernel/user_namespace.c: less than a page of memory
  if (/Invalid argument/.test(words))
    return 'the kernel takes at most 340 ranges of ids, in 4095 bytes of text: give the caller fewer and larger ones (usermod --del-subuids, --add-subuids; the same for subgids)';
  if (/different user/.test(words))
    return "the caller's gid is not that of his account: start it without newgrp(1) and sg(1)";
  return 'it needs the set-user-ID bit of root, or cap_setuid and cap_setgid (getcap), on a file system without nosuid, and no security module that refuses it: apt-get install --reinstall uidmap';
}

const noProc = { reason: '/proc is not mounted', hint: 'mount -t proc proc /proc, as root' };

const doctor =
  'no other level works without root (root has --isolate and --landlock); uchroot --doctor says why, and how to allow it';

export const userNamespaceRows = {
  user_namespace: {
    op: 41,
    call: 'unshare',
    object: ({ namespaces }) => ['user', ...namespaces].join(','),
    purpose: 'all privileges over its own namespaces, and none over the host',
    flags: { cloned: ({ cloned }) => cloned === true },
    encode: ({ namespaces }) => ({
      a: namespaces.reduce((sum, name) => sum + namespaceFlags[name], CLONE_NEWUSER),
    }),
    failures: {
      ...lie,
      EPERM: {
        reason: 'an ordinary user must not make a user namespace here',
        hint: doctor,
      },
      EACCES: { reason: 'a security module refuses user namespaces', hint: doctor },
      ENOSPC: {
        reason: 'there are no more user or pid namespaces for this user (/proc/sys/user)',
        hint: doctor,
      },
      EINVAL: { reason: 'the kernel has no user namespaces (CONFIG_USER_NS)', hint: doctor },
      EUSERS: { reason: 'user namespaces are nested too deep here (32)' },
    },
  },
  join_user_namespace: {
    op: 78,
    call: 'setns',
    object: ({ namespaces }) => ['user', ...namespaces].join(','),
    purpose: 'into the user namespace that the open jail keeps',
    flags: { cloned: true, keptUser: true },
    encode: ({ namespaces }) => ({
      a: namespaces.reduce((sum, name) => sum + namespaceFlags[name], 0),
    }),
    failures: {
      ...lie,
      EPERM: {
        reason: 'it belongs to another user than this process is now, or the call is refused',
        hint: "open the jail again; if a seccomp filter refuses setns(2), give openJail share: 'none'",
      },
      ENOSPC: {
        reason: 'there are no more pid namespaces for this user (/proc/sys/user)',
        hint: doctor,
      },
    },
  },
  open_namespaces: {
    op: 79,
    call: 'openat',
    object: () => '/proc/self/ns',
    purpose: 'to open the new namespaces when /proc is out of sight',
    failures: { ENOENT: noProc },
  },
  send_namespaces: {
    op: 80,
    call: 'sendmsg',
    object: ({ names }) => names.join(','),
    purpose: 'the service keeps them',
    encode: ({ names }) => ({ data: Buffer.from(names.map((name) => `${name}\0`).join('')) }),
  },
  // The op writes any file of /proc.
  id_map: {
    op: 44,
    call: 'write',
    object: ({ file, value }) => `/proc/self/${file} ${value}`,
    purpose: showMap,
    encode: ({ file, value }) => ({ data: Buffer.from(`/proc/self/${file}\0${value}`) }),
    failures: {
      EPERM: {
        reason: 'the new user namespace has no privileges: a security module took them',
        hint: doctor,
      },
      EACCES: {
        reason: 'the new user namespace has no privileges: a security module took them',
        hint: doctor,
      },
      ENOENT: noProc,
      EROFS: { reason: '/proc is read-only', hint: doctor },
    },
  },
  map_ids: {
    op: 77,
    call: 'execve',
    object: (step) => `${mappers[step.kind]} ${numbersOf(step).join(' ')}`,
    purpose: showRanges,
    flags: { outside: true },
    encode: (step) => ({ data: Buffer.from(`${[mappers[step.kind], ...numbersOf(step)].join('\0')}\0`) }),
    failures: {
      ENOENT: { reason: (_, { kind }) => `${mappers[kind]} is not installed`, hint: install },
      EPERM: { reason: (context) => said(context) || 'it was refused', hint: mapHint },
      EACCES: {
        reason: (context) =>
          said(context) || 'the new user namespace has no privileges: a security module took them',
        hint: (context) =>
          said(context) === ''
            ? doctor
            : 'chown root and chmod 4755 it; or apt-get install --reinstall uidmap',
      },
    },
  },
  reopen_jail: {
    op: 75,
    call: 'openat',
    object: () => '.',
    subject: ({ jail }) => jail,
    purpose: 'the same directory, in the new mount namespace',
    failures: { EBADE: { reason: 'it is not the directory that was verified' } },
  },
  new_tree: {
    op: 76,
    call: 'fsmount',
    object: ({ type }) => type,
    purpose: "a file system of its own, made while the host's is in sight",
    encode: ({ slot, type, flags }) => ({ a: slot, b: maskOf(flags), data: cString(Buffer.from(type)) }),
    failures: {
      EPERM: {
        reason: 'a proc(5) of its own needs the whole /proc of the host, and here parts of it are masked',
        hint: 'leave out --proc, or unmask the /proc of the host (docker: --security-opt systempaths=unconfined; Kubernetes: procMount: Unmasked); --rootless works without it',
      },
    },
  },
} satisfies SomeStepRows;
