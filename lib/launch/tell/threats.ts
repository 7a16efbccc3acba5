// Which threats a launch stops, and what stops them: the end of `uchroot --plan`, and the tables of doc/isolation.md. Pure.
import type { Account } from '../host/account.ts';
import { capabilityNames } from '../request/capabilities.ts';
import { namespacesOf, seesSockets, type Namespace } from '../request/isolation-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { callGroups } from '../seccomp/default-policy.ts';

/** What the answers depend on. */
export interface ThreatFacts {
  readonly request: NormalRequest;
  readonly account: Pick<Account, 'uid'>;
  /** The ABI of Landlock that the kernel has, 0 for none. Undefined: another kernel may run the launch. */
  readonly landlockAbi?: number;
  /** The profile of system calls does not refuse to make namespaces. */
  readonly allowsNamespaces?: boolean;
  /** Whether the kernel has vm.memfd_noexec. Undefined: as for the ABI. */
  readonly hasMemfdNoexec?: boolean;
}

interface Wall {
  readonly name: string;
  /** The options for it, besides those that are given. Undefined: no option helps here. */
  readonly option: (facts: ThreatFacts) => string | undefined;
  readonly stands: (facts: ThreatFacts) => boolean;
}

/** One answer. */
export interface ThreatAnswer {
  /** Completes the sentence "the program tries to". */
  readonly threat: string;
  /** The same in a few words, which several threats share. */
  readonly subject: string;
  readonly stopped: boolean;
  /** What stops it. */
  readonly by: readonly string[];
  /** The options that would stop it, if it is not stopped. */
  readonly remedies: readonly string[];
}

// An ABI below `least` does not cover the threat (landlock(7), VERSIONS).
const landlock = (least: number): Wall => ({
  name: 'Landlock',
  option: ({ request, landlockAbi = least }) => {
    if (landlockAbi < least) return undefined;
    return request.landlock ? `--landlock-abi ${least}` : '--landlock';
  },
  stands: ({ request }) => request.landlock && request.landlockAbi >= least,
});

// An isolated launch with the host's network has it, where the kernel has (withoutSockets of plan/landlock.ts).
const scope: Wall = {
  name: 'Landlock (Linux 6.12)',
  option: () => undefined,
  stands: ({ request, landlockAbi = 6 }) => seesSockets(request) && !request.landlock && landlockAbi >= 6,
};

const has = ({ request }: ThreatFacts, kind: Namespace): boolean => namespacesOf(request).includes(kind);

const namespace = (kind: Namespace): Wall => ({
  name: `${kind} namespace`,
  option: ({ request }) => (kind === 'net' && request.net === 'host' ? '--net none' : '--isolate'),
  stands: (facts) => has(facts, kind),
});

const ownNetwork = namespace('net');

const ownProcessesAndIpc: Wall = {
  name: 'pid and ipc namespaces',
  option: () => '--isolate',
  stands: (facts) => has(facts, 'pid') && has(facts, 'ipc'),
};

/** Whether a wall has a door, for what the options give. @param name as in `by` of an answer */
export const hasDoor = (name: string): boolean => name.includes(', but for ');

const callsHost = ({ request }: ThreatFacts): boolean =>
  request.connectTo.some(({ kind }) => kind === 'loopback');

// What a profile refuses is not known here.
const hasDefaultFilter = ({ isolate, seccomp }: NormalRequest): boolean =>
  seccomp === undefined ? isolate : seccomp.file === undefined && !seccomp.isLog;

// Whether the default filter refuses these calls.
function filters({ request }: ThreatFacts, group: keyof typeof callGroups): boolean {
  const calls = callGroups[group].split(' ');
  return hasDefaultFilter(request) && !request.allow.some((name) => name === group || calls.includes(name));
}

// What makes the default filter refuse them.
function filterOption({ request }: ThreatFacts, group: keyof typeof callGroups): string {
  return hasDefaultFilter(request) ? `no --allow ${group}` : '--seccomp=default';
}

const filter = (group: keyof typeof callGroups): Wall => ({
  name: 'filter of system calls',
  option: (facts) => filterOption(facts, group),
  stands: (facts) => filters(facts, group),
});

// A program in a chroot(2) jail can make no user namespace, so it gets no capability from there either (clone(2), EPERM).
const withoutCapability = (name: 'sys_admin' | 'sys_chroot'): Wall => ({
  name: 'no capability',
  option: () => `no --cap ${name}`,
  stands: (facts) =>
    !facts.request.caps.some((number) => capabilityNames[number] === name) && !has(facts, 'mount'),
});

// No user namespace gives this one (open_by_handle_at(2)).
const withoutHandles: Wall = {
  name: 'no capability',
  option: () => 'no --cap dac_read_search',
  stands: ({ request: { caps } }) => !caps.some((number) => capabilityNames[number] === 'dac_read_search'),
};

const ownProcesses: Wall = {
  name: 'pid namespace and filter',
  option: (facts) => (has(facts, 'pid') ? filterOption(facts, 'debug') : '--isolate'),
  // A helper can pass in a descriptor of a process, which works in all pid namespaces (pidfd_getfd(2)).
  stands: (facts) => has(facts, 'pid') && filters(facts, 'debug'),
};

const ownProc: Wall = {
  name: '/proc of its own',
  option: (facts) => (has(facts, 'pid') ? '--proc /proc' : '--isolate --proc /proc'),
  stands: (facts) => has(facts, 'pid') && facts.request.view.some(({ kind }) => kind === 'proc'),
};

const notRoot: Wall = {
  name: 'another uid than 0',
  option: () => 'a USER who is not root',
  stands: ({ request, account }) => account.uid !== 0 || request.rootless,
};

const noProgramsOfItsOwn: Wall = {
  name: 'read-only, and noexec where it can be written',
  option: () => '--read-only with --writable DIR or --tmpfs DEST:noexec',
  stands: ({ request: { readOnly, view } }) =>
    readOnly &&
    !view.some(
      (entry) =>
        entry.kind === 'workspace' ||
        (entry.kind === 'tmpfs' && !entry.noexec) ||
        (entry.kind === 'bind' && !entry.readOnly),
    ),
};

const noMemfd: Wall = {
  name: 'vm.memfd_noexec (Linux 6.3)',
  option: ({ hasMemfdNoexec = true }) => (hasMemfdNoexec ? '--isolate' : undefined),
  stands: (facts) => (facts.hasMemfdNoexec ?? true) && has(facts, 'pid') && !facts.request.rootless,
};

// --ephemeral-dir keeps what is written on a disk.
const nothingOnDisk: Wall = {
  name: 'nothing is written to a disk',
  option: () => '--ephemeral, or --read-only with --tmpfs',
  stands: ({ request: { readOnly, ephemeral, view } }) =>
    (readOnly || ephemeral === true) &&
    !view.some(
      (entry) =>
        entry.kind === 'workspace' || entry.kind === 'writable' || (entry.kind === 'bind' && !entry.readOnly),
    ),
};

const profile: Wall = {
  name: 'profile of system calls',
  option: () => '--seccomp=FILE',
  stands: ({ request: { seccomp }, allowsNamespaces }) =>
    seccomp?.file !== undefined && !seccomp.isLog && allowsNamespaces !== true,
};

const anyFilter: Wall = {
  ...filter('namespaces'),
  option: (facts) =>
    hasDefaultFilter(facts.request) || facts.request.isolate
      ? filterOption(facts, 'namespaces')
      : '--isolate, or --seccomp=default',
  stands: (facts) => filters(facts, 'namespaces'),
};

const given = (
  option: string,
  stands: (request: NormalRequest) => boolean,
  name: string = option.replace(/ .*/, ''),
): Wall => ({ name, option: () => option, stands: ({ request }) => stands(request) });

// An isolated launch has one anyway (isolatedLimits() in lib/launch/plan/plan.ts).
const rlimit = (resource: 'nofile' | 'nproc'): Wall => ({
  name: `resource limit ${resource}`,
  option: () => `--rlimit ${resource}=N`,
  stands: ({ request, account }) => {
    // Root's processes are not counted (getrlimit(2), RLIMIT_NPROC).
    if (resource === 'nproc' && account.uid === 0 && !request.rootless) return false;
    const { rlimits, isolate } = request;
    const own = rlimits.find(([name]) => name === resource);
    return own === undefined ? isolate : own[1].hard !== Infinity;
  },
});

type Row = readonly [subject: string, ...walls: readonly Wall[]];

const helper = 'files that a helper passes in';
const processes = 'processes of the host';
const network = 'the network of the host';
const paths = '/proc of the host';
const ownPrograms = 'programs that it writes';
const lasting = 'changes that stay';

/** What a program may try, with a helper outside of the jail: its subject in a few words, and the walls against it. One is enough. */
const rows: Readonly<Record<string, Row>> = {
  'read, write, execute and remove files of the host through a descriptor that a helper passes in': [
    helper,
    landlock(3),
  ],
  'see the status of such a file, change its mode, connect to a socket there': [helper],
  'link or move files out of the jail, or into it': [helper, landlock(1), namespace('mount')],
  'send signals to processes of the same user': [processes, landlock(6), namespace('pid')],
  'trace them, read their memory, take their descriptors': [processes, landlock(1), ownProcesses],
  'reach files of theirs through /proc': [paths, landlock(1), ownProc],
  'connect to abstract unix sockets of the host': [network, landlock(6), namespace('net'), scope],
  'connect to TCP ports of the host': [
    network,
    { ...ownNetwork, stands: (facts) => ownNetwork.stands(facts) && !callsHost(facts) },
    {
      name: 'net namespace, but for host-loopback of --connect-to',
      option: () => undefined,
      stands: callsHost,
    },
    given('--connect-tcp', ({ connectTcp }) => connectTcp !== undefined, '--connect-tcp, but for its ports'),
  ],
  'ioctl on devices that are no terminals': ['devices', landlock(5)],
  'mount a file system (`sys_admin`)': [
    'mounts',
    landlock(1),
    filter('mount'),
    withoutCapability('sys_admin'),
  ],
  'leave the jail by a second chroot (`sys_chroot`)': [
    'files outside of the jail',
    landlock(1),
    namespace('mount'),
    withoutCapability('sys_chroot'),
  ],
  'open files of the host by their handles (`dac_read_search`)': [
    'files outside of the jail',
    landlock(1),
    filter('handles'),
    withoutHandles,
  ],
  'change priorities of processes of the same user, and use shared memory and messages of the host': [
    processes,
    ownProcessesAndIpc,
  ],
  'send UDP to the host': [network, ownNetwork],
  'change the host through /proc as root': [paths, notRoot, ownProc],
  'use system calls that no ordinary program needs, and make user namespaces': [
    'unusual system calls',
    anyFilter,
    profile,
  ],
  'leave processes behind': ['processes that stay', namespace('pid')],
  'execute a file that it has written, or map it as code': [ownPrograms, noProgramsOfItsOwn],
  'execute a file in memory (memfd_create)': [ownPrograms, noMemfd],
  'fill a disk, by many small files too': [lasting, nothingOnDisk],
  'leave changes in the jail': [lasting, nothingOnDisk],
  'use memory without end': [
    'unlimited memory',
    given('--memory SIZE', ({ memory }) => memory !== undefined),
  ],
  'start processes without end': [
    'unlimited processes',
    given('--pids N', ({ pids }) => pids !== undefined),
    rlimit('nproc'),
  ],
  'open files without end': ['unlimited open files', rlimit('nofile')],
  'run without end': ['unlimited time', given('--time SECONDS', ({ time }) => time !== undefined)],
  "use a bug of the kernel's": ['bugs of the kernel'],
};

/** For each threat whether a launch stops it. */
export function threatAnswers(facts: ThreatFacts): readonly ThreatAnswer[] {
  return Object.entries(rows).map(([threat, [subject, ...walls]]) => {
    const by = [...new Set(walls.filter((wall) => wall.stands(facts)).map(({ name }) => name))];
    const remedies = by.length > 0 ? [] : [...new Set(walls.flatMap(({ option }) => option(facts) ?? []))];
    return { threat, subject, stopped: by.length > 0, by, remedies };
  });
}

/** One line for each threat. */
export function threatsAsText(facts: ThreatFacts): string {
  const lines = threatAnswers(facts).map(({ threat, stopped, by, remedies }) => {
    const why = stopped
      ? `by ${by.join(', ')}`
      : remedies.length === 0
        ? 'no option does'
        : `${remedies.join(' or ')} would`;
    return `  ${stopped ? 'yes' : 'no '}  ${threat.replaceAll('`', '')}: ${why}\n`;
  });
  return `does it stop a program that tries to (doc/isolation.md):\n${lines.join('')}`;
}
