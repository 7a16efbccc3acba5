// The plan: what a launch does, in which order, and why in that order. Pure.
import type { Account } from '../host/account.ts';
import type { CgroupPlan } from '../host/cgroup-layout.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import { quote } from '../../words/quote.ts';
import { hasInit, namespacesOf, type Namespace } from '../request/isolation-value.ts';
import { mayChangeGroups } from './credentials.ts';
import { isolatedStages, programGroup } from './isolated.ts';
import { closeTcp, landlock } from './landlock.ts';
import { controllingTty, outerPty } from './pty.ts';
import { SIGKILL } from './namespaces.ts';
import type { Filter } from '../seccomp/filter.ts';
import { smallFilter } from '../seccomp/small-filter.ts';
import type { Plan, Step } from './step.ts';

const infinity = { soft: Infinity, hard: Infinity };

export interface SetUpInput {
  readonly request: Pick<NormalRequest, SetUpKey>;
  readonly account: Account;
  /** Descriptors that the program keeps, besides 0 to 2. */
  readonly keptFds: readonly number[];
  /** A compiled launcher runs the plan. It learns the number of socket-activation descriptors when it starts. */
  readonly isCompiled?: boolean;
  /** The program starts with SIGPIPE ignored. */
  readonly ignoresPipe?: boolean | undefined;
  /** The program gets a process group of its own, so that all of it can be ended. Otherwise it stays in the caller's group. */
  readonly newGroup?: boolean;
  /** Kinds of namespaces that an open jail keeps, and that the program joins. */
  readonly joined?: readonly Namespace[];
  /** The parent watches the program's limits. So the program ends with the parent, as with --die-with-parent. */
  readonly isWaitedFor?: boolean;
  /** The pid that the program's parent must have for --die-with-parent or `isWaitedFor`; otherwise 0. */
  readonly parentPid: number;
  /** As process.arch has it. */
  readonly architecture: string;
  /** The filter of system calls, if it is not the small one. */
  readonly filter?: Filter | undefined;
  /** For the limits that need a cgroup. */
  readonly cgroup?: CgroupPlan | undefined;
  /** A line for the status descriptor. It is written directly before execve. */
  readonly status?: { readonly fd: number; readonly line: Buffer } | undefined;
}

/**
 * The plan of a launch, from a caller in any state to the program, but without its last step, execve: so it is the same for each program
 * that an account starts in the same way. Every step must succeed. A bare launch has one stage, as it stays one process.
 *
 * What execve(2), capabilities(7) and signal(7) list as preserved, and what becomes of it:
 *  - set here: ids, groups, capabilities, securebits, no_new_privs, umask, signals, descriptors, root and working
 *    directory, keyring, beside a service the process group, timers, personality, parent-death signal, subreaper, timer slack;
 *  - only tightened, the caller's restriction stays: resource limits, nice value, oom_score_adj, scheduling and I/O
 *    class, CPU affinity, memory policy, cgroups, namespaces, seccomp filters, Landlock domain, an earlier no_new_privs;
 *  - reset by execve itself: pending timers of timer_create, memory locks and mappings, alternate stacks, KEEPCAPS,
 *    dumpable state, io_uring and epoll sets once their descriptors are closed.
 */
export function buildSetUp(input: SetUpInput): Plan {
  const [first = [], ...others] = stagesOf(input);
  // First: the process is born in it, so it counts all that follows (clone(2), CLONE_INTO_CGROUP).
  const born: readonly Step[] = input.cgroup === undefined ? [] : [{ op: 'cgroup', ...input.cgroup }];
  return [[...born, ...first], ...others];
}

const endsWithParent = ({ request, isWaitedFor = false }: SetUpInput): boolean =>
  request.dieWithParent || isWaitedFor;

function stagesOf(input: SetUpInput): Plan {
  const { request, account, newGroup = false, isCompiled = false } = input;
  const parts = {
    // In place of 0 to 2 as they were given.
    descriptors: [...descriptors(input), ...outerPty(request, account)],
    before: [...session(input), ...limits(input), ...processState(input)],
    entry: jailEntry(input),
    after: [
      ...controllingTty(request),
      ...credentials(input),
      ...noNewPrivileges(input),
      ...readBack(input),
      ...handOver(input),
    ],
  };
  if (namespacesOf(request).length === 0)
    return [[...parts.before, ...parts.descriptors, ...parts.entry, ...parts.after]];
  return isolatedStages(request, parts, {
    account,
    // Otherwise the program would get a signal twice: the init forwards the one that its group gets, and the one that the process outside
    // sends. With a terminal the init stays in the caller's group: it must tell that process when the program stops.
    newGroup: newGroup || (request.newSession && request.pty === undefined),
    isCompiled,
    joined: input.joined ?? [],
  });
}

function session({ request, newGroup = false, filter }: SetUpInput): readonly Step[] {
  return [
    // First and still as root: made later it would count against the user's 200 keys (keyrings(7)).
    { op: 'join_session_keyring', ...(filter?.closesKeyrings === false ? { isOwn: true } : {}) },
    // A session begins with a process group.
    ...(request.newSession ? [{ op: 'setsid' } as const] : []),
    ...(newGroup && !request.newSession ? [{ op: 'setpgid' } as const] : []),
    ...(hasInit(request) && !newGroup && !request.newSession ? [programGroup()] : []),
  ];
}

function limits(input: SetUpInput): readonly Step[] {
  const { request, isCompiled = false } = input;
  return [
    request.umask === undefined
      ? { op: 'umask', mask: 0o022, exact: false }
      : { op: 'umask', mask: request.umask, exact: true },
    // A core file of a jailed program can hold what the launcher left in its memory maps (core(5)).
    { op: 'setrlimit', resource: 'core', limit: { soft: 0, hard: 0 }, mode: 'cap-soft' },
    // An unlimited stack turns off address randomisation of mappings (personality(2), ADDR_COMPAT_LAYOUT).
    { op: 'setrlimit', resource: 'stack', limit: { ...infinity, soft: 8 * 2 ** 20 }, mode: 'cap-soft' },
    // Node has raised the soft limit to the hard one and kept no copy; 1024 is the kernel's default (INR_OPEN_CUR).
    ...(isCompiled
      ? []
      : [
          {
            op: 'setrlimit',
            resource: 'nofile',
            limit: { ...infinity, soft: 1024 },
            mode: 'set-soft',
          } as const,
        ]),
    ...isolatedLimits(request),
    ...request.rlimits.map(([resource, limit]): Step => ({ op: 'setrlimit', resource, limit, mode: 'set' })),
    ...(request.cpuTime === undefined ? [] : [cpuTime(request.cpuTime, input.cgroup !== undefined)]),
    { op: 'setpriority', ...(request.nice ? { least: request.nice } : {}) },
    { op: 'oom_score_adj', ...(request.oomScoreAdj ? { least: request.oomScoreAdj } : {}) },
    { op: 'sched_setscheduler' },
    { op: 'ioprio_set' },
    ...(request.affinity === undefined && !request.deterministic ? [] : [cpus(request)]),
  ];
}

const cpus = ({ affinity = [], deterministic }: SetUpInput['request']): Step => ({
  op: 'sched_setaffinity',
  cpus: affinity,
  ...(deterministic ? { one: true } : {}),
});

// The kernel's table of open files, and its numbers of processes, are shared with the host (proc_sys_fs(5), file-max; pid_max).
const mostIsolated = { nofile: 4096, nproc: 4096 } as const;

function isolatedLimits({ isolate, rlimits }: SetUpInput['request']): readonly Step[] {
  if (!isolate) return [];
  return Object.entries(mostIsolated)
    .filter(([resource]) => !rlimits.some(([name]) => name === resource))
    .map(([resource, most]) => ({
      op: 'setrlimit',
      resource,
      limit: { soft: most, hard: most },
      mode: 'cap',
    }));
}

// SIGXCPU says why. Some programs handle it, so SIGKILL comes a second later (getrlimit(2), RLIMIT_CPU). Where the cgroup counts the time,
// somebody watches it, and this limit is for programs that outlive him.
function cpuTime(seconds: number, isWatched: boolean): Step {
  const soft = Math.ceil(seconds) + (isWatched ? 1 : 0);
  return { op: 'setrlimit', resource: 'cpu', limit: { soft, hard: soft + 1 }, mode: 'set' };
}

// personality(2)
const ADDR_NO_RANDOMIZE = 0x40000;

function processState({ request }: SetUpInput): readonly Step[] {
  return [
    // Address randomisation, back on unless the request does without.
    { op: 'personality', persona: request.deterministic ? ADDR_NO_RANDOMIZE : 0 },
    // Interval timers outlive execve and their signal kills a program that never asked for it (setitimer(2)).
    { op: 'setitimer', timer: 'real' },
    { op: 'setitimer', timer: 'virtual' },
    { op: 'setitimer', timer: 'prof' },
    { op: 'timer_slack', nanoseconds: 50_000 },
    { op: 'child_subreaper', on: false },
  ];
}

// Node has opened the host's null device for each of 0 to 2 that was closed, and nothing tells it from one that was given. A compiled
// launcher has opened none, and a mount takes it a large part of a launch. So it replaces a given one only for a program that could change
// its mode: root, or one that has capabilities or can become root by a set-user-ID file. An ordinary user can make no mount.
function replacesNull({ request, account, isCompiled = false }: SetUpInput): boolean {
  if (account.outside !== undefined) return false;
  return !isCompiled || account.uid === 0 || request.caps.length > 0 || request.allowNewPrivs;
}

function descriptors(input: SetUpInput): readonly Step[] {
  const { keptFds, isCompiled = false } = input;
  const replaced = replacesNull(input) ? ({ replacesNull: true } as const) : {};
  return [
    { op: 'stdio', fd: 0, ...replaced },
    { op: 'stdio', fd: 1, ...replaced },
    { op: 'stdio', fd: 2, ...replaced },
    // After stdio, which is exempt, and before the root changes: an open directory of the host is a way out of any root
    // directory (CVE-2024-21626). A range has no gap, whatever the limit on descriptors says (close_range(2)).
    { op: 'close_range', first: 3 },
    ...(isCompiled ? [{ op: 'keep_listen_fds' } as const] : []),
    ...keptFds.map((fd): Step => ({ op: 'keep_fd', fd })),
  ];
}

function jailEntry({ request }: SetUpInput): readonly Step[] {
  return [
    // By the descriptor that was verified, so that nobody can put another directory in its place.
    { op: 'fchdir', directory: quote(request.jail) },
    // Into the working directory, with which chroot alone would leave it outside (chroot(2)).
    { op: 'chroot' },
    { op: 'chdir', path: request.cwd },
  ];
}

function credentials(input: SetUpInput): readonly Step[] {
  const { request, account } = input;
  const kept = request.caps;
  return [
    // Dropping from the bounding set needs CAP_SETPCAP, which goes with the uid (capabilities(7)).
    { op: 'drop_bounding_set', keep: kept },
    // set*id does not clear the ambient set under SECBIT_NO_SETUID_FIXUP, so it is cleared, and the bits after it: reading
    // them back through the kernel's fix-up would hide the caller's (capabilities(7), "Effect of user ID changes").
    { op: 'clear_ambient' },
    { op: 'securebits' },
    // Without no_new_privs they need CAP_SYS_ADMIN, which goes with the uid (landlock_restrict_self(2), seccomp(2)).
    ...(request.allowNewPrivs ? privilegedWalls(input) : []),
    ...(kept.length > 0 && account.uid !== 0 ? [{ op: 'keep_capabilities' } as const] : []),

    // Before setresgid and setresuid: setgroups needs CAP_SETGID, which goes with the uid (setgroups(2)).
    // In a user namespace of an ordinary user it is refused without a range of ids (user_namespaces(7), "setgroups").
    ...(mayChangeGroups(account.outside) ? [{ op: 'setgroups', gids: account.groups } as const] : []),
    // Before setresuid, for the same reason (setresgid(2)).
    { op: 'setresgid', gid: account.gid },
    // All three, or the saved uid is a way back to root (setresuid(2)).
    { op: 'setresuid', uid: account.uid },
    // Explicitly, and before execve: set*id does not do it for everybody (SECBIT_NO_SETUID_FIXUP, uid 0), and with a live
    // effective set execve would still read files of root's for the user.
    { op: 'capset', capabilities: kept },
    ...(kept.length > 0 ? [{ op: 'raise_ambient', capabilities: kept } as const] : []),
  ];
}

// A profile can refuse what the launch still has to do, so its filter comes last. It needs no_new_privs for that.
function isLast({ request, filter }: SetUpInput): boolean {
  return filter !== undefined && !request.allowNewPrivs;
}

function noNewPrivileges(input: SetUpInput): readonly Step[] {
  const { request, parentPid } = input;
  return [
    // Before Landlock and seccomp, which it allows to an ordinary user (landlock_restrict_self(2), seccomp(2)).
    ...(request.allowNewPrivs ? [] : [{ op: 'no_new_privs' } as const, ...landlock(request)]),
    ...(request.allowNewPrivs || isLast(input) ? [] : [installed(input)]),
    // After setresuid, which clears it (PR_SET_PDEATHSIG(2const)).
    endsWithParent(input) && !hasInit(request)
      ? { op: 'parent_death_signal', signal: SIGKILL, parentPid }
      : { op: 'parent_death_signal', signal: 0, parentPid: 0 },
  ];
}

// Reads back what may not be as it seems: another layer may have answered a call, or a user namespace may not map an id.
function readBack(input: SetUpInput): readonly Step[] {
  const { request, account, architecture } = input;
  return [
    { op: 'verify_uid', uid: account.uid },
    { op: 'verify_gid', gid: account.gid },
    { op: 'verify_groups', gids: account.groups },
    { op: 'verify_capabilities', capabilities: request.caps },
    ...(account.uid === 0 ? [] : [{ op: 'verify_no_way_back' } as const]),
    ...(request.allowNewPrivs ? [] : [{ op: 'verify_no_new_privs' } as const]),
    ...(isLast(input) ? [] : [{ op: 'verify_seccomp' } as const]),
    { op: 'verify_cwd' },
    // After verify_seccomp, which cannot tell one filter from another.
    ...(request.allowNewPrivs ? [] : closeTcp(request, architecture)),
  ];
}

function handOver(input: SetUpInput): readonly Step[] {
  const { status, filter, ignoresPipe } = input;
  return [
    // Last, as from here on a signal ends this process: what is pending now was meant for the program.
    { op: 'reset_signals', ...(ignoresPipe === true ? { ignoresPipe } : {}) },
    ...(isLast(input) ? [installed(input)] : []),
    ...(isLast(input) && filter?.isReadable === true ? [{ op: 'verify_seccomp', isOwn: true } as const] : []),
    ...(status === undefined ? [] : [{ op: 'write', fd: status.fd, bytes: status.line } as const]),
  ];
}

// Landlock after chroot, as its paths are those of the jail, and before the filter, which may refuse its calls; a profile last.
function privilegedWalls(input: SetUpInput): readonly Step[] {
  const { request, architecture, filter } = input;
  const tcp = closeTcp(request, architecture);
  const filters = filter === undefined ? [installed(input), ...tcp] : [...tcp, installed(input)];
  return [...landlock(request), ...filters];
}

function installed({ architecture, filter }: SetUpInput): Step {
  if (filter === undefined) return { op: 'seccomp', filter: smallFilter(architecture) };
  const { bytes, flags, title, allowsNamespaces } = filter; // bytes is copied, as in smallFilter()
  return { op: 'seccomp', filter: Buffer.from(bytes), flags, title, allowsNamespaces };
}
