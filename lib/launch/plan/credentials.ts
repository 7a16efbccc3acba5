// Rows of the steps about identity and privileges: capabilities(7), credentials(7), seccomp(2).
import type { Outside } from '../host/account.ts';
import { capabilityMask, capabilityName } from '../request/capabilities.ts';
import type { Step } from './step.ts';
import type { FailureContext, SomeStepRows } from './step-row.ts';

// linux/prctl.h
const PR_SET_KEEPCAPS = 8;
const PR_SET_NO_NEW_PRIVS = 38;

/** Capabilities by name, for a reader. */
export function showCapabilities(numbers: readonly number[]): string {
  return numbers.length === 0 ? 'none' : numbers.map(capabilityName).join(',');
}

/** Gids for a reader. */
export const showGids = (gids: readonly number[]): string => (gids.length === 0 ? 'none' : gids.join(','));

/** Gids as the kernel takes them, and `scratch` words of space for the interpreter. */
export function gidsData(gids: readonly number[], scratch = 0): Uint32Array {
  const words = new Uint32Array(gids.length + scratch);
  words.set(gids);
  return words;
}

function named({ detail }: FailureContext): string {
  return typeof detail === 'number' ? capabilityName(detail) : `capability ${detail}`;
}

type SeccompStep = Step & { op: 'seccomp' };

const noGid = { hint: 'the gid has no mapping in this user namespace: see /proc/self/gid_map' };

/** Whether a launch sets supplementary groups. Without root and without a range of ids it cannot: the caller's groups stay. */
export function mayChangeGroups(outside: Outside | undefined): boolean {
  return outside === undefined || outside.maps !== undefined;
}

export const credentialRows = {
  drop_bounding_set: {
    op: 17,
    call: 'prctl',
    object: ({ keep }) => `PR_CAPBSET_DROP all but ${showCapabilities(keep)}`,
    purpose: 'no capability can be gained any more',
    needs: 'CAP_SETPCAP',
    // capabilities that are kept are kept in the bounding set too
    flags: { inherited: ({ keep }) => keep.length === 0 },
    encode: ({ keep }) => ({ a: capabilityMask(keep) }),
    failures: { EPERM: { reason: (context) => `${named(context)} could not be dropped` } },
  },
  clear_ambient: {
    op: 18,
    call: 'prctl',
    object: () => 'PR_CAP_AMBIENT_CLEAR_ALL',
    purpose: 'no ambient capabilities',
  },
  securebits: {
    op: 19,
    call: 'prctl',
    object: () => 'PR_SET_SECUREBITS 0',
    purpose: 'the usual rules for root',
    needs: 'CAP_SETPCAP',
  },
  keep_capabilities: {
    op: 25,
    call: 'prctl',
    object: () => 'PR_SET_KEEPCAPS 1',
    purpose: 'permitted capabilities outlive setresuid',
    encode: () => ({ a: PR_SET_KEEPCAPS, b: 1 }),
  },
  setgroups: {
    op: 20,
    call: 'setgroups',
    object: ({ gids }) => showGids(gids),
    purpose: 'supplementary groups',
    needs: 'CAP_SETGID',
    encode: ({ gids }) => ({ data: gidsData(gids) }),
    failures: {
      EPERM: {
        hint: 'it needs CAP_SETGID: give it to the container or unit that runs uchroot; no seccomp filter may refuse the call, and no user namespace (deny in /proc/self/setgroups)',
      },
      EINVAL: noGid,
    },
  },
  setresgid: {
    op: 21,
    call: 'setresgid',
    object: ({ gid }) => String(gid),
    purpose: 'real, effective and saved gid',
    needs: 'CAP_SETGID',
    encode: ({ gid }) => ({ a: gid }),
    failures: { EINVAL: noGid },
  },
  setresuid: {
    op: 22,
    call: 'setresuid',
    object: ({ uid }) => String(uid),
    purpose: 'real, effective and saved uid',
    needs: 'CAP_SETUID',
    encode: ({ uid }) => ({ a: uid }),
    failures: {
      EINVAL: { hint: 'the uid has no mapping in this user namespace: see /proc/self/uid_map' },
    },
  },
  capset: {
    op: 23,
    call: 'capset',
    object: ({ capabilities }) => showCapabilities(capabilities),
    purpose: 'permitted and inheritable capabilities',
    encode: ({ capabilities, effective }) => {
      const mask = capabilityMask(capabilities);
      return { a: mask, b: effective === true ? mask : 0 };
    },
    failures: {
      EPERM: {
        reason: 'a capability cannot be given that the caller does not have',
        hint: 'capsh --print shows what it has',
      },
    },
  },
  raise_ambient: {
    op: 24,
    call: 'prctl',
    object: ({ capabilities }) => `PR_CAP_AMBIENT_RAISE ${showCapabilities(capabilities)}`,
    purpose: 'capabilities that the program keeps',
    encode: ({ capabilities }) => ({ a: capabilityMask(capabilities) }),
    failures: {
      EPERM: {
        reason: (context) => `${named(context)} cannot be given`,
        hint: 'the caller must have it himself: see capsh --print',
      },
    },
  },
  no_new_privs: {
    op: 25,
    call: 'prctl',
    object: () => 'PR_SET_NO_NEW_PRIVS 1',
    purpose: 'set-user-ID programs give nothing',
    flags: { inherited: true },
    encode: () => ({ a: PR_SET_NO_NEW_PRIVS, b: 1 }),
  },
  seccomp: {
    op: 26,
    call: 'seccomp',
    object: ({ filter }) => `${filter.length / 8} instructions`,
    purpose: ({ title = 'no terminal injection, no kernel keyrings' }: SeccompStep) => title,
    needs: 'CAP_SYS_ADMIN',
    // without no_new_privs (seccomp(2))
    // only the small filter is the same for nearly every program
    flags: { inherited: ({ title }) => title === undefined },
    encode: ({ filter, flags = 0 }) => ({ a: flags, data: filter }),
    failures: {
      EACCES: {
        hint: '--allow-new-privs needs CAP_SYS_ADMIN: without it the filter could not be set before the ids',
      },
      // of --report-denials alone
      EBUSY: {
        reason: 'another process hears of the calls of this one already, and the kernel allows one',
        hint: 'leave --report-denials out, or start uchroot outside of that container or sandbox',
      },
    },
  },
} satisfies SomeStepRows;
