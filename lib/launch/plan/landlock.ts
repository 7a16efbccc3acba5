// The steps of --landlock, and their rows: landlock(7). Pure.
import { quote } from '../../words/quote.ts';
import { seesSockets } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { tcpFilter } from '../seccomp/tcp-filter.ts';
import { cString } from './jail-entry.ts';
import type { PathAccess, Step, TcpAccess } from './step.ts';
import type { FailureWords, SomeStepRows } from './step-row.ts';

// linux/landlock.h
const EXECUTE = 1;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
const REMOVE = (1 << 4) | (1 << 5); // directories, files
const MAKE_CHAR = 1 << 6;
const MAKE = (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10) | (1 << 12); // directories, files, sockets, pipes, links
const MAKE_BLOCK = 1 << 11;
const REFER = 1 << 13; // since ABI 2; before, nothing could be moved or linked from one directory to another
const TRUNCATE = 1 << 14; // since ABI 3
const IOCTL_DEV = 1 << 15; // since ABI 5
const net = { bind: 1, connect: 2 } as const; // since ABI 4
// since ABI 6
const SOCKETS = 1; // abstract unix sockets
const SIGNALS = 1 << 1;

// LandlockRule of native/plan/plan.h
const LANDLOCK_PATH_IF_THERE = 1;
const LANDLOCK_PORTS = 2;

const read = EXECUTE | READ_FILE | READ_DIR;
const write = READ_FILE | READ_DIR | WRITE_FILE | REMOVE | MAKE | REFER | TRUNCATE;

const accesses = {
  ro: { rights: read, shown: 'read, execute' },
  rw: { rights: write, shown: 'read, write' },
  all: { rights: read | write, shown: 'read, write, execute' },
  dev: { rights: READ_FILE | READ_DIR | WRITE_FILE, shown: 'read, write, if it is there' },
  tty: { rights: IOCTL_DEV, shown: 'ioctl, if it is there' },
} as const;

// Every right of an ABI. Where no rule gives a right, it is refused.
function handled(abi: number): number {
  const missing = (abi < 2 ? REFER : 0) | (abi < 3 ? TRUNCATE : 0) | (abi < 5 ? IOCTL_DEV : 0);
  return (read | write | MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV) & ~missing;
}

function netRights(tcp: readonly TcpAccess[]): number {
  return tcp.reduce((rights, access) => rights | net[access], 0);
}

// Programs ask these for their size, and make them raw (tty_ioctl(4), pts(4)).
const terminalPaths = ['/dev/tty', '/dev/ptmx', '/dev/pts'];

type LandlockKey =
  | 'landlock'
  | 'landlockAbi'
  | 'landlockRo'
  | 'landlockRw'
  | 'connectTcp'
  | 'bindTcp'
  | 'readOnly'
  | 'view'
  | 'isolate'
  | 'net';

type Allowed = readonly (readonly [access: PathAccess, path: Buffer | string])[];

// What the program may do beneath which path. Without --landlock-ro and --landlock-rw, Landlock allows what the mounts allow.
function pathsOf({ landlockRo, landlockRw, readOnly, view }: Pick<NormalRequest, LandlockKey>): Allowed {
  const own: Allowed = [
    ...landlockRo.map((path) => ['ro', path] as const),
    ...landlockRw.map((path) => ['rw', path] as const),
  ];
  if (own.length > 0) return own;
  if (!readOnly) return [['all', '/']];
  const writable = view.filter((entry) => entry.kind !== 'dir' && !(entry.kind === 'bind' && entry.readOnly));
  return [['ro', '/'], ['dev', '/dev'], ...writable.map(({ target }) => ['rw', target] as const)];
}

// A launch with the host's network does not ask for Landlock. So it works where the kernel has none, and --plan tells the difference.
const withoutSockets: readonly Step[] = [
  { op: 'landlock_ruleset', abi: 6, tcp: [], socketsOnly: true, ifThere: true },
  { op: 'landlock_restrict_self', verified: true, ifThere: true },
  { op: 'verify_landlock', ifThere: true },
];

/** The steps that confine the program; none if the request does not ask for it. Paths are those of the jail. */
export function landlock(request: Pick<NormalRequest, LandlockKey>): readonly Step[] {
  const { landlockAbi: abi, connectTcp, bindTcp } = request;
  if (!request.landlock) return seesSockets(request) ? withoutSockets : [];
  const terminals: Allowed = abi < 5 ? [] : terminalPaths.map((path) => ['tty', path] as const);
  const tcp = Object.entries({ connect: connectTcp, bind: bindTcp }) as [TcpAccess, readonly number[]][];
  const limited = tcp.filter(([, ports]) => ports !== undefined);
  return [
    { op: 'landlock_ruleset', abi, tcp: limited.map(([access]) => access) },
    ...[...pathsOf(request), ...terminals].map(([access, path]): Step => ({
      op: 'landlock_path',
      path: Buffer.from(path),
      access,
      abi,
    })),
    ...limited
      .filter(([, ports]) => ports.length > 0)
      .map(([access, ports]): Step => ({ op: 'landlock_ports', access, ports })),
    { op: 'landlock_restrict_self', verified: abi >= 6 },
    // Directly after landlock_restrict_self: a later filter could give the answer in place of Landlock.
    ...(abi < 6 ? [] : [{ op: 'verify_landlock' } as const]),
  ];
}

/** The steps that close the ways to TCP which Landlock does not see; none if the request does not limit ports. */
export function closeTcp(
  { connectTcp, bindTcp }: Pick<NormalRequest, 'connectTcp' | 'bindTcp'>,
  architecture: string,
): readonly Step[] {
  if ((connectTcp ?? bindTcp) === undefined) return [];
  return [{ op: 'tcp_filter', filter: tcpFilter(architecture) }, { op: 'verify_tcp_filter' }];
}

// The first Linux with each ABI (landlock(7), VERSIONS).
const versions = ['5.13', '5.19', '6.2', '6.7', '6.10', '6.12'];

const noDescriptor = {
  reason: 'too many open descriptors',
  hint: 'Landlock needs three more for the launch: raise the limit with --rlimit nofile=N',
};
const filtered = {
  hint: 'a seccomp filter of the caller refuses it: allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self',
};

type PathStep = Extract<Step, { op: 'landlock_path' }>;
type RulesetStep = Extract<Step, { op: 'landlock_ruleset' }>;

const inJail = (reason: string): FailureWords<PathStep> => ({
  reason,
  hint: ({ jail }, { path }) =>
    quote(path).startsWith(`${jail}/`)
      ? `give the path in the jail: ${quote(path).slice(jail.length)}`
      : `it is a path in the jail, for the user of the program: ls -ld ${jail}${quote(path)}`,
});

export const landlockRows = {
  landlock_ruleset: {
    op: 61,
    call: 'landlock_create_ruleset',
    object: ({ abi, tcp, socketsOnly }) =>
      socketsOnly === true
        ? `ABI ${abi}: abstract sockets`
        : [`ABI ${abi}: files`, ...(abi < 6 ? [] : ['abstract sockets', 'signals']), ...tcp].join(', '),
    purpose: ({ socketsOnly }: RulesetStep) =>
      socketsOnly === true
        ? 'no abstract socket of the host is in reach, if the kernel can'
        : 'a second wall: what no rule allows is refused',
    encode: ({ abi, tcp, socketsOnly, ifThere }) => ({
      a: abi,
      b: Number(ifThere === true),
      data:
        socketsOnly === true
          ? Uint32Array.of(0, 0, 0, 0, SOCKETS, 0)
          : Uint32Array.of(handled(abi), 0, netRights(tcp), 0, abi < 6 ? 0 : SOCKETS | SIGNALS, 0),
    }),
    failures: {
      EPROTONOSUPPORT: {
        reason: ({ detail }, { abi }) => `the kernel has Landlock ABI ${detail}, and ABI ${abi} is needed`,
        hint: ({ detail }, { abi }: RulesetStep) =>
          `it came with Linux ${versions[abi - 1]}; --landlock-abi ${detail} does with this kernel, and confines less`,
      },
      ENOSYS: {
        reason: 'the kernel has no Landlock, or a seccomp filter of the caller refuses it',
        hint: (_, { abi }: RulesetStep) =>
          `it needs Linux ${versions[abi - 1]} with CONFIG_SECURITY_LANDLOCK; in a container, a seccomp profile that allows landlock_create_ruleset, landlock_add_rule and landlock_restrict_self`,
      },
      ENOTSUP: {
        reason: 'Landlock is built into the kernel but switched off',
        hint: 'boot with landlock in the list of lsm=: see /sys/kernel/security/lsm',
      },
      EPERM: filtered,
      EMFILE: noDescriptor,
    },
  },
  landlock_path: {
    op: 62,
    call: 'landlock_add_rule',
    object: ({ path }) => quote(path),
    purpose: ({ access }: PathStep) => `allow beneath it: ${accesses[access].shown}`,
    encode: ({ path, access, abi }) => ({
      a: accesses[access].rights & handled(abi),
      b: access === 'tty' || access === 'dev' ? LANDLOCK_PATH_IF_THERE : 0,
      data: cString(path),
    }),
    failures: {
      ENOENT: inJail('not found in the jail'),
      ENOTDIR: inJail('a component of the path is not a directory'),
      EACCES: inJail('the user may not search a directory of the path'),
      ELOOP: {
        reason: 'a component of the path is a symbolic link, which could lead elsewhere at the next launch',
        hint: ({ jail }, { path }: Step & { readonly path: Uint8Array }) =>
          // a merged /usr (file-hierarchy(7))
          /^\/(?:s?bin|lib\w*)(?:\/|$)/.test(quote(path))
            ? `write /usr${quote(path)}`
            : `give the path to which it leads: ls -ld ${jail}${quote(path)} shows it`,
      },
      EPERM: filtered,
      EMFILE: noDescriptor,
    },
  },
  landlock_ports: {
    op: 62,
    call: 'landlock_add_rule',
    object: ({ ports }) =>
      ports.length <= 16 ? ports.join(',') : `${ports.length} ports, ${ports[0]} to ${ports.at(-1)}`,
    purpose: ({ access }: { readonly access: TcpAccess }) => `allow TCP: ${access} to these ports`,
    encode: ({ access, ports }) => ({
      a: netRights([access]),
      b: LANDLOCK_PORTS,
      data: Uint32Array.from(ports),
    }),
    failures: {
      EAFNOSUPPORT: {
        reason: 'this kernel has no TCP',
        hint: 'without --connect-tcp and --bind-tcp no rule is needed',
      },
      EPERM: filtered,
    },
  },
  landlock_restrict_self: {
    op: 63,
    call: 'landlock_restrict_self',
    purpose: 'the rules apply from here on',
    needs: 'CAP_SYS_ADMIN',
    // without no_new_privs (landlock_restrict_self(2))
    encode: ({ verified, ifThere }) => ({ a: Number(verified), b: Number(ifThere === true) }),
    failures: {
      E2BIG: { reason: 'the caller has been confined by Landlock 16 times, and the kernel allows no more' },
      EAFNOSUPPORT: {
        reason: 'no unix socket can be made, with which the step is verified',
        hint: 'allow AF_UNIX: RestrictAddressFamilies= of the unit, or a seccomp filter, refuses it',
      },
      EMFILE: noDescriptor,
    },
  },
  verify_landlock: {
    op: 64,
    call: 'sendto',
    object: () => 'an abstract socket from before',
    purpose: 'verify: the rules are in force',
    encode: ({ ifThere }) => ({ b: Number(ifThere === true) }),
    failures: { EBADE: { reason: 'they are not in force: a socket of before could be reached' } },
  },
  tcp_filter: {
    op: 26,
    call: 'seccomp',
    object: ({ filter }) => `${filter.length / 8} instructions`,
    purpose: 'no way to TCP that Landlock does not see',
    // without no_new_privs (seccomp(2))
    needs: 'CAP_SYS_ADMIN',
    encode: ({ filter }) => ({ data: filter }),
  },
  verify_tcp_filter: {
    op: 64,
    call: 'sendto',
    object: () => 'MSG_FASTOPEN',
    purpose: 'verify: that filter is in force',
    encode: () => ({ a: 1 }),
    failures: { EBADE: { reason: 'it is not in force: a message with MSG_FASTOPEN was not refused' } },
  },
} satisfies SomeStepRows;
