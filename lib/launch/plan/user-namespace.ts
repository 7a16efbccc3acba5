// The steps by which an ordinary user gets the rights over namespaces of his own: user_namespaces(7). Pure, and their rows.
import type { Account, Outside } from '../host/account.ts';
import { namespaceFlags } from '../request/isolation-value.ts';
import { cString } from './jail-entry.ts';
import { maskOf } from './mount-steps.ts';
import type { Step, StepRows } from './step.ts';

const CLONE_NEWUSER = 0x10000000;

/**
 * The first process of the new user namespace writes the maps of ids, each with a single id: its own. The kernel allows that without
 * privilege, once setgroups(2) is denied: else a user could leave a group that is refused what everybody else may do.
 */
export function mapOwnIds({ uid, gid }: Account, outside: Outside): readonly Step[] {
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
      ENOENT: { reason: '/proc is not mounted', hint: 'mount -t proc proc /proc, as root' },
      EROFS: { reason: '/proc is read-only', hint: doctor },
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
} satisfies StepRows<'user_namespace' | 'id_map' | 'reopen_jail' | 'new_tree'>;
