// This process as the caller of a launch: the variables and the descriptors that a program can get from it.
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { lookOr } from '../../words/system-error.ts';
import { hasInit } from '../request/isolation-value.ts';
import type { Namespace } from '../request/isolation-value.ts';
import { needsWaiter } from '../request/limit-rows.ts';
import { firstListenFd, noSockets, type ListenSockets } from '../request/listen-sockets.ts';
import type { NormalRequest } from '../request/request.ts';
import {
  describedNames,
  listenFds,
  namedVariables,
  pidToCome,
  splitEntries,
  type EnvironmentCaller,
  type EnvironmentInput,
  type Variable,
} from './environment.ts';
import type { CgroupPlan } from './cgroup-layout.ts';
import { readingKernel } from './kernel-file.ts';

/** The process that launches: what a plan needs to know of it. */
export interface Caller extends EnvironmentCaller {
  /** The architecture of a compiled launcher. Everything else about its caller is unknown when it is compiled. */
  readonly compiledFor?: string;
  /** The program starts with SIGPIPE ignored, as from systemd. */
  readonly ignoresPipe?: boolean | undefined;
  /** System calls that the filter refuses as well, and its answers to them (SECCOMP_RET_*). */
  readonly refused?: ReadonlyMap<string, number> | undefined;
  readonly parentPid: number;
  /** The program gets a process group of its own. */
  readonly newGroup: boolean;
  /** Kinds of namespaces that the program joins; the same array for the same ones. */
  readonly joined: readonly Namespace[];
  readonly sockets: ListenSockets;
  /** For the limits of the request that need a cgroup. */
  readonly cgroup?: CgroupPlan | undefined;
}

const noNamespaces: readonly Namespace[] = [];

// On the main thread byte for byte, as in environ(7). A worker has variables of its own (worker_threads, `env`), as text:
// Node loses bytes there that are not UTF-8. Even a worker that shares the main thread's variables must not read environ,
// which the main thread may be changing.
function allVariables(): readonly Variable[] {
  if (native.isMainThread()) return splitEntries(native.environmentEntries());
  return splitEntries(Object.entries(process.env).map(([name, value]) => Buffer.from(`${name}=${value}`)));
}

/** This process as the caller of a launch in place. */
export function callerInPlace(): Caller {
  return {
    inPlace: true,
    environment: allVariables(),
    pid: process.pid,
    get parentPid() {
      return process.ppid;
    },
    newGroup: false,
    joined: noNamespaces,
    sockets: noSockets,
  };
}

// In a worker nothing tells whether process.env has changed: it can be the worker's own.
let environmentVersion: (() => number | undefined) | undefined;
let described: { readonly version: number; readonly variables: readonly Variable[] } | undefined;

// The same array until one of the variables changes: reading them all from process.env is slow.
function describedVariables(): readonly Variable[] {
  environmentVersion ??= native.isMainThread() ? native.watchEnvironment(describedNames) : () => undefined;
  const version = environmentVersion();
  if (version === undefined) return namedVariables(process.env, describedNames);
  if (described?.version !== version)
    described = { version, variables: namedVariables(process.env, describedNames) };
  return described.variables;
}

let lastBeside: Caller | undefined;

/** This process as the caller of a launch beside it; the same object as the last time if nothing is different. */
export function callerBeside(
  { keepEnv, passEnv }: NormalRequest,
  newGroup: boolean,
  joined: readonly Namespace[] = noNamespaces,
  cgroup?: CgroupPlan,
  sockets: ListenSockets = noSockets,
): Caller {
  const some = keepEnv ? allVariables() : describedVariables();
  const environment = passEnv.length === 0 ? some : [...some, ...namedVariables(process.env, passEnv)];
  const last = lastBeside;
  if (
    last?.environment === environment &&
    last.newGroup === newGroup &&
    last.joined === joined &&
    last.sockets === sockets &&
    last.cgroup === cgroup
  )
    return last;
  const { pid } = process;
  lastBeside = { inPlace: false, environment, pid, parentPid: pid, newGroup, joined, sockets, cgroup };
  return lastBeside;
}

/** What a plan needs to know of the program's process. */
export interface ProgramProcess {
  /** Its descriptors above 2: those of socket activation first. */
  readonly keptFds: readonly number[];
  /** The process that launches in place will wait for it, to watch its limits. */
  readonly isWaitedFor: boolean;
  /** The pid for its variables; undefined if it is this process's pid, or if it gets no such variable. */
  readonly pid: EnvironmentInput['programPid'];
}

/** The program's process of a request, started by this caller. */
export function processOf(request: NormalRequest, caller: Caller): ProgramProcess {
  const { inPlace, compiledFor, environment, pid, sockets } = caller;
  const isWaitedFor = inPlace && compiledFor === undefined && needsWaiter(request);
  const activated = inPlace ? listenFds(environment, pid) : sockets.length;
  const activatedFds = Array.from({ length: activated }, (_, i) => firstListenFd + i);
  return {
    keptFds: activated === 0 ? request.preserveFds : [...new Set([...activatedFds, ...request.preserveFds])],
    isWaitedFor,
    // in its pid namespace: init is 1, and starts nothing else
    pid: hasInit(request) ? 2 : isWaitedFor || sockets.length > 0 ? pidToCome : undefined,
  };
}

type Open = ReadonlyMap<number, string>;

// Empty if it is not open.
const target = (name: string): string => lookOr('', () => readlinkSync(`/proc/self/fd/${name}`));

function openDescriptors(): Open {
  const names = readingKernel('keep_fd', () => readdirSync('/proc/self/fd'));
  return new Map(names.map((name) => [Number(name), target(name)]));
}

// O_RDONLY, O_WRONLY or O_RDWR; proc_pid_fdinfo(5).
function accessMode(fd: number): number {
  const text = readingKernel('keep_fd', () => readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
  const flags = /^flags:\s*([0-7]+)$/m.exec(text)?.[1];
  return Number.parseInt(flags ?? '0', 8) & (constants.O_WRONLY | constants.O_RDWR);
}

// Node opens event queues for itself, and pipes of which this process holds both ends.
function isTheCallers(fd: number, open: Open): boolean {
  const kind = open.get(fd) ?? '';
  if (kind === '' || kind.startsWith('anon_inode:[event') || kind.startsWith('anon_inode:[io_uring'))
    return false;
  if (!kind.startsWith('pipe:')) return true;
  const others = [...open].filter(([other, same]) => other > 2 && other !== fd && same === kind);
  return others.every(([other]) => accessMode(other) === accessMode(fd));
}

/** Whether this process has inherited a descriptor. A write to one of Node's own can end the process by a signal. */
export const isInherited = (fd: number): boolean => isTheCallers(fd, openDescriptors());

/**
 * Refuses descriptors that this process has not inherited. If the caller left a number closed, the next file that is opened
 * here gets it: Node may have one of its own there, and the jail is open.
 *
 * @param jailFd the jail's descriptor
 * @throws LaunchError EBADF
 */
export function refuseOwnDescriptors(fds: readonly number[], jailFd: number): void {
  if (fds.length === 0) return;
  const open = openDescriptors();
  const own = fds.find((fd) => fd === jailFd || !isTheCallers(fd, open));
  if (own !== undefined) throw notOpen(own);
}

/** The error for a descriptor that the caller did not open. */
export function notOpen(fd: number): LaunchError {
  return new LaunchError(`keep_fd: descriptor ${fd}: is not open`, {
    step: 'keep_fd',
    call: 'fcntl',
    code: 'EBADF',
    errno: 9,
    path: `descriptor ${fd}`,
    hint: 'open it before uchroot is started; sudo closes descriptors above 2 (sudo -C)',
  });
}
