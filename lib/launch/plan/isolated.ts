// The part of a plan that isolates: namespaces, the view of the file system, and the processes that wait. Pure.
import { quote } from '../../words/quote.ts';
import type { Account } from '../host/account.ts';
import { namespacesOf, type Namespace } from '../request/isolation-value.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import { needsRelay } from '../request/outbound-value.ts';
import type { Plan, Step } from './step.ts';
import { listenSteps, outboundSteps } from './outbound-steps.ts';
import { innerPty } from './pty.ts';
import { mayChangeGroups } from './credentials.ts';
import { maskSteps } from './kernel-mounts.ts';
import { guardLinks } from './mount-links.ts';
import { placed, placeOf } from './mount-points.ts';
import { SIGKILL } from './namespaces.ts';
import { mapIds } from './user-namespace.ts';
import { makeView, openTrees, treesOf, viewSteps, watchedSpaces } from './view.ts';

type Request = Pick<NormalRequest, SetUpKey>;

/** The parts of a plan that are the same with and without isolation. */
export interface PlanParts {
  /** Steps before the root directory changes. */
  readonly descriptors: readonly Step[];
  /** Steps of the program's own process before it enters the jail. */
  readonly before: readonly Step[];
  /** Steps by which a bare launch enters the jail; the last one changes the working directory. */
  readonly entry: readonly Step[];
  /** The other steps. */
  readonly after: readonly Step[];
}

/** What the waiting processes of the plan need to know. */
export interface Waiting {
  readonly account: Account;
  /** The init process leads a process group of its own, and so does the program. */
  readonly newGroup: boolean;
  /** By a compiled launcher: the first stage is its own process. */
  readonly isCompiled: boolean;
  /** Kinds of namespaces that are kept and joined, and not made. */
  readonly joined: readonly Namespace[];
}

// linux/capability.h
const [CAP_KILL, CAP_SETUID] = [5, 7];

const watch = (path: Buffer): Step => ({ op: 'watch_space', path });

/**
 * The stages of a launch that makes namespaces.
 *
 * With a pid namespace, the first process in it is init: it makes the other namespaces and mounts, starts the program and waits for
 * it (pid_namespaces(7)). What it needs of the host is opened before the namespaces are made: a descriptor of a mount is of no use in
 * another mount namespace. A launcher is born in the pid namespace; a compiled one has to fork for it.
 */
export function isolatedStages(request: Request, parts: PlanParts, waiting: Waiting): Plan {
  const namespaces = namespacesOf(request);
  const others = namespaces.filter((name) => name !== 'pid');
  const { joined } = waiting;
  const own = others.filter((name) => !joined.includes(name));
  const { outside } = waiting.account;
  const made = outside === undefined ? makeWorld(request, own, joined) : makeOwnWorld(request, own, joined);
  const world = [...made, ...innerPty(request, waiting.account)];
  const entry = others.includes('mount') ? parts.entry.slice(-1) : parts.entry;
  if (!namespaces.includes('pid'))
    return [[...parts.before, ...parts.descriptors, ...world, ...entry, ...parts.after]];
  const init: readonly Step[] = [
    { op: 'end_with_parent' },
    ...(waiting.newGroup ? [ownGroup(request)] : []),
    ...parts.descriptors,
    ...parts.before.filter(needsHost),
    // Each pid namespace has its own value: the kernel takes the one of the writing process (proc_sys_vm(5)). Only the host's root can
    // write it.
    ...(outside === undefined
      ? [{ op: 'sysctl', path: '/proc/sys/vm/memfd_noexec', value: '2' } as const]
      : []),
    ...world,
    ...(waiting.isCompiled ? [] : watchedSpaces(request).map(watch)),
    ...giveUp(waiting.account, signalRights(request)),
    // Again: a change of ids clears it (PR_SET_PDEATHSIG(2const)).
    { op: 'end_with_parent', afterFork: true },
  ];
  const program = [...parts.before.filter((step) => !needsHost(step)), ...entry, ...parts.after];
  if (!waiting.isCompiled) return [[...bornIn(waiting), ...init], program];
  // A compiled launcher learns who its parent is when it starts.
  const signal = request.dieWithParent ? SIGKILL : 0;
  const death: Step = { op: 'parent_death_signal', signal, parentPid: 0, afterFork: true };
  return [[{ op: 'unshare', namespaces: ['pid'] }, ...giveUp(waiting.account), death], init, program];
}

// Each session has a nice value. Root inside could change that of the caller's session through the /proc of init (sched(7), "The
// autogroup feature").
const ownGroup = ({ newSession, pty }: Request): Step =>
  newSession && pty === undefined ? { op: 'setsid' } : { op: 'setpgid' };

// The launcher is born in the namespaces that it could not make for itself.
function bornIn({ account, joined }: Pick<Waiting, 'account' | 'joined'>): readonly Step[] {
  const { outside } = account;
  if (outside === undefined) return [{ op: 'unshare', namespaces: ['pid'], cloned: true }];
  if (joined.length > 0) return [{ op: 'join_user_namespace', namespaces: ['pid'] }];
  return [{ op: 'user_namespace', namespaces: ['pid'], cloned: true }, ...mapIds(account, outside)];
}

function makeWorld(
  request: Request,
  own: readonly Namespace[],
  joined: readonly Namespace[],
): readonly Step[] {
  return [
    ...openTrees(request, own),
    ...(joined.length > 0 ? joinNamespaces(request, joined) : []),
    ...makeNamespaces(request, own, joined),
    ...makeView(request, own),
  ];
}

// Only root may copy a tree of the host's mount namespace. So the copies are made in the new namespace, which has the same mounts
// (open_tree(2), EPERM; mount_namespaces(7)).
function makeOwnWorld(
  request: Request,
  own: readonly Namespace[],
  joined: readonly Namespace[],
): readonly Step[] {
  const isInJail = joined.includes('mount');
  return [
    ...(isInJail ? [] : [{ op: 'fchdir', directory: quote(request.jail) } as const]),
    ...(joined.length > 0 ? joinNamespaces(request, joined) : []),
    ...makeNamespaces(request, own, joined),
    ...(isInJail ? [] : [{ op: 'reopen_jail' } as const]),
    ...openTrees(request, own),
    ...makeView(request, own),
  ];
}

/**
 * The steps that make the namespaces which an open jail keeps, and which its later launches join. There is no proc(5) in this view,
 * because it would show the pid namespace of the process that mounts it; but there is the file that hides files of each one.
 */
export function keptNamespaces(request: Request, kinds: readonly Namespace[]): readonly Step[] {
  const kept = { ...request, view: request.view.filter(({ kind }) => kind !== 'proc') };
  const procs = kinds.includes('mount') ? request.view.filter(({ kind }) => kind === 'proc') : [];
  return [
    ...openTrees(kept, kinds),
    ...makeNamespaces(kept, kinds),
    ...makeView(kept, kinds),
    ...guardLinks(
      request,
      procs.flatMap((entry) => placed(placeOf(request, entry), maskSteps(entry.target))),
    ),
  ];
}

/**
 * The same without root. A process makes a user namespace too, and then ends, because a thread of a service cannot make one (unshare(2),
 * EINVAL). The kept view has a proc(5), which shows nothing. Without it the kernel would not let the launches mount their own
 * (mount_too_revealing() in fs/namespace.c).
 *
 * @param names of all these namespaces in /proc/PID/ns
 */
export function keptOwnNamespaces(
  request: Request,
  account: Account,
  kinds: readonly Namespace[],
  names: readonly string[],
): readonly Step[] {
  return [
    ...bornIn({ account, joined: [] }),
    { op: 'end_with_parent' },
    { op: 'open_namespaces' },
    ...(kinds.includes('mount') ? makeOwnWorld(request, kinds, []) : makeNamespaces(request, kinds)),
    { op: 'send_namespaces', names },
  ];
}

/** The kinds of namespaces that a launch can join. Each launch has pids of its own, an overlay of its own, and a list of its own. */
export function shareable(request: Request): readonly Namespace[] {
  const hasDoor = request.connectTo.some(({ kind }) => kind === 'unix');
  const isOwn = hasDoor || request.ephemeral !== undefined || request.workspace !== undefined;
  return namespacesOf(request).filter(
    (name) => name !== 'pid' && (name !== 'mount' || !isOwn) && (name !== 'net' || !needsRelay(request)),
  );
}

// A launch with its own proc(5) gets a copy of the kept mounts, and mounts it there.
function joinNamespaces(request: Request, joined: readonly Namespace[]): readonly Step[] {
  const { view, readOnly, rootless, insecurePath } = request;
  const procs = joined.includes('mount') ? view.filter(({ kind }) => kind === 'proc') : [];
  const given = { view: procs, readOnly, rootless, insecurePath };
  const trees = treesOf(given);
  const opened = [...trees.values()].flat();
  return [
    { op: 'setns', namespaces: joined },
    ...(procs.length > 0 ? [{ op: 'unshare', namespaces: ['mount'], copies: true } as const] : []),
    ...opened,
    ...guardLinks(request, viewSteps(request, trees, true)),
  ];
}

/** The same plan for a process that has to make the pid namespace itself. */
export function withoutClone(plan: Plan): Plan {
  const [first = [], ...stages] = plan;
  // a cgroup comes before it
  const at = first.findIndex((step) => 'cloned' in step);
  const born = first[at];
  if (born?.op !== 'unshare' && born?.op !== 'user_namespace') return plan;
  const made: Step = { op: born.op, namespaces: born.namespaces };
  return [[...first.slice(0, at), made], first.slice(at + 1), ...stages];
}

// Sets the host name only in a UTS namespace: without one, it would change that of the host.
function makeNamespaces(
  { hostname, connectTo, listenOn }: Request,
  namespaces: readonly Namespace[],
  joined: readonly Namespace[] = [],
): readonly Step[] {
  const isNamed = namespaces.includes('uts') || joined.includes('uts');
  return [
    ...(namespaces.length > 0 ? [{ op: 'unshare', namespaces } as const] : []),
    ...(namespaces.includes('net')
      ? [{ op: 'loopback_up' } as const, ...outboundSteps(connectTo), ...listenSteps(listenOn)]
      : []),
    ...(hostname === undefined || !isNamed ? [] : [{ op: 'sethostname', name: hostname } as const]),
  ];
}

/**
 * A process group for a program that has not asked for one. kill(2) with pid 0 ignores pid namespaces: it reaches every process of the
 * group with the same uid. A job of a terminal is stopped and continued as a group, so such a program stays in its group (setpgid(2),
 * "job control").
 */
export const programGroup = (): Step => ({ op: 'setpgid', unlessTerminal: true });

// This step writes a file of the host's /proc. The program inherits its effect.
const needsHost = ({ op }: Step): boolean => op === 'oom_score_adj';

// If the program becomes another user, an init without CAP_KILL could not send it signals (kill(2)). The init of a pid namespace can
// signal only the processes in it.
function signalRights({ caps, allowNewPrivs }: Request): readonly number[] {
  return allowNewPrivs || caps.some((number) => number === CAP_SETUID) ? [CAP_KILL] : [];
}

// A waiting process has the ids of the program's user, which it needs to send signals, and no other privilege.
function giveUp({ uid, gid, outside }: Account, kept: readonly number[] = []): readonly Step[] {
  const afterFork = true;
  return [
    ...(kept.length > 0 && uid !== 0 ? [{ op: 'keep_capabilities', afterFork } as const] : []),
    ...(mayChangeGroups(outside) ? [{ op: 'setgroups', gids: [], afterFork } as const] : []),
    { op: 'setresgid', gid, afterFork },
    { op: 'setresuid', uid, afterFork },
    kept.length === 0
      ? { op: 'capset', capabilities: [], afterFork }
      : { op: 'capset', capabilities: kept, effective: true, afterFork },
    { op: 'no_new_privs', afterFork },
    { op: 'not_dumpable', afterFork },
  ];
}
