// spawnInJail: from a request to a program that runs beside this process.
import { AbortError, LaunchError, UsageError } from '../../errors.ts';
import { refuseSecond } from '../../values/keys.ts';
import { native } from '../../native.ts';
import { callerBeside } from '../host/caller.ts';
import { openCgroup } from '../host/cgroup.ts';
import { hostQuery } from '../host/account.ts';
import { judgeBinds, judgedPaths } from '../host/binds.ts';
import { makeWorkspaces } from '../host/workspace.ts';
import { giveBack, takeId, withId } from '../host/own-id.ts';
import { settle, verify, type JudgedJail, type Settled } from '../host/judged-jail.ts';
import { profileAnswers } from '../host/launch-filter.ts';
import { wantedFilter } from '../host/wanted-filter.ts';
import { waysBeside } from '../host/ways-beside.ts';
import { failedLine } from '../host/status-line.ts';
import type { CgroupPlan } from '../host/cgroup-layout.ts';
import { hasInit } from '../request/isolation-value.ts';
import type { JailedProcess } from '../process/process.ts';
import { StatusLines } from '../process/status.ts';
import { needsCgroup } from '../request/limit-rows.ts';
import type { NormalRequest } from '../request/request.ts';
import { normalizeSpawn, type SpawnOptions, type SpawnRequest, type WithPty } from '../request/spawn-rows.ts';
import { handOn, type JointOf, type Stdio } from '../request/stdio.ts';
import { viewOf } from '../tell/jail-view.ts';
import { findProblem } from '../tell/preflight.ts';
import { findMissingZone, findTinyLimits, findWholeEnvironment, warnOnce } from '../tell/launch-warnings.ts';
import { isWatched, nameOf, publish } from './launch-events.ts';
import { lookAtHost, toSpawnError } from '../host/spawn-error.ts';
import { keepCgroups } from './cgroup-keeper.ts';
import { keepLaunch, keptLaunch, KeptLaunch } from './kept-launch.ts';
import type { NormalSpawn } from './normal-spawn.ts';
import { pidDirectory } from './pidfile.ts';
import { start } from './start.ts';
import { abortError, beforeStop } from './abort-or-timeout.ts';

function openStatus(fd: number): StatusLines {
  try {
    return new StatusLines(fd);
  } catch (error) {
    throw toSpawnError(error, 'statusFd must be open for writing');
  }
}

async function telling<T>(status: StatusLines, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LaunchError) status.tell(failedLine(error));
    if (error instanceof AbortError)
      status.tell(failedLine({ step: 'launch', code: error.code, message: error.message }));
    status.end();
    throw error;
  }
}

/**
 * Does the work of a launch. Streams are handed on and statusFd is copied at once. A failure is written to statusFd.
 *
 * @throws LaunchError if statusFd is not open for writing
 */
export function begin<T>(
  request: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  return isWatched() ? beginWatched(request, options, work) : beginUnwatched(request, options, work);
}

async function beginWatched<T>(
  request: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  const launch = nameOf(request);
  publish('launch', { launch });
  try {
    return await beginUnwatched(request, { ...options, launch }, work);
  } catch (error) {
    publish('denial', { launch, error });
    throw error;
  }
}

function beginUnwatched<T>(
  { statusFd }: NormalRequest,
  options: NormalSpawn,
  work: (options: NormalSpawn) => Promise<T>,
): Promise<T> {
  const status = statusFd === undefined ? undefined : openStatus(statusFd);
  if (options.streams.length > 0) handOn(options.streams);
  return status === undefined ? work(options) : telling(status, () => work({ ...options, status }));
}

/** The request of a launch that may be planned, and the cgroup for its limits. */
export interface Ready {
  readonly request: Settled;
  readonly cgroup: CgroupPlan | undefined;
}

/**
 * Settles a request in its jail. A promise if other threads must look at the host first: at a profile of system calls, binds, the
 * directory of the pid file, and for limits at the cgroups. If a file system does not answer, the event loop is not held.
 */
export function ready(
  asked: NormalRequest,
  { jail }: KeptLaunch,
  options: NormalSpawn,
): Ready | Promise<Ready> {
  refuseEnd(asked, options);
  const request = settle(asked, jail);
  const profile = profileAnswers(request);
  const paths = judgedPaths(request, jail.account);
  if (profile === undefined && paths.length === 0 && request.pidFile === undefined && !needsCgroup(request))
    return { request, cgroup: undefined };
  return beforeStop(options, look(request, jail, paths, profile));
}

async function look(
  request: Settled,
  { account }: JudgedJail,
  paths: ReturnType<typeof judgedPaths>,
  profile: Promise<void> | undefined,
): Promise<Ready> {
  await profile;
  const cgroup = needsCgroup(request) ? await cgroupOf(request) : undefined;
  const ways = await waysBeside(paths);
  const real = judgeBinds(request, account, (warning) => warnOnce([warning]), ways);
  if (request.pidFile !== undefined) await waysBeside([pidDirectory(request.pidFile)]);
  return { request: real, cgroup };
}

// Waits for cgroups that ended services have left, and that are hard to remove.
async function cgroupOf(request: NormalRequest): Promise<CgroupPlan | undefined> {
  const cgroup = await openCgroup(request);
  await keepCgroups();
  return cgroup;
}

/**
 * Plans and starts a launch into a judged jail.
 *
 * @param onChanged what to do instead if the jail is not open and the host has changed since it was judged
 */
export function startIn(
  kept: KeptLaunch,
  { request, cgroup }: Ready,
  options: NormalSpawn,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  const newGroup = options.newGroup || request.newSession;
  const caller = callerBeside(request, newGroup, options.spaces?.kinds, cgroup, options.listenFds);
  const last = kept.lastLaunch;
  const launch = kept.plan(request, caller, wantedFilter(request, kept.jail.account, caller));
  if (launch !== last) {
    warnOnce(findWholeEnvironment(request), 'UCHROOT_ENV');
    // the jail is looked into only where it is open
    if (kept.jail.fd >= 0) {
      warnOnce(findMissingZone(launch.execve.env, () => viewOf(launch)));
      warnOnce(findTinyLimits(launch));
    }
  }
  const problem = request.checkProgram && kept.jail.fd >= 0 ? findProblem(launch) : undefined;
  if (problem !== undefined) throw problem;
  if (request.workspace !== undefined) makeWorkspaces(request);
  return start(launch, kept.directory, options, onChanged);
}

/** Limits with a cgroup, and a pid namespace, end all descendants of the program. @throws UsageError for `leaveDescendants` */
export function refuseEnd(request: NormalRequest, { leaveDescendants }: SpawnOptions): void {
  if (request.resultFile !== undefined)
    throw new UsageError('resultFile is for the command and execInJail()', {
      hint: 'the result of run(), and that of exited, have the same',
    });
  if (!leaveDescendants) return;
  if (needsCgroup(request))
    throw new UsageError('leaveDescendants and limits of a cgroup are given at once', {
      hint: 'the cgroup of a launch, and all processes in it, end with the program',
    });
  if (hasInit(request))
    throw new UsageError('leaveDescendants and a pid namespace are given at once', {
      hint: 'a pid namespace (isolate, unshare), and all processes in it, end with the program',
    });
}

/** Starts a program with an id of its own, until it has ended. The program ends with this process, which holds the id. */
export async function withOwnId(
  request: NormalRequest,
  options: NormalSpawn,
  launch: (request: NormalRequest) => Promise<JailedProcess>,
): Promise<JailedProcess> {
  const own = await beforeStop(options, takeId(), giveBack);
  try {
    const child = await launch({ ...withId(request, own.id), dieWithParent: true });
    void child.exited.then(() => giveBack(own));
    return child;
  } catch (error) {
    giveBack(own);
    throw error;
  }
}

async function lookUpAndStart(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  const looked = lookAtHost(hostQuery(request));
  const facts = await beforeStop(options, looked, ({ fd }) => {
    if (fd >= 0) native.closeDescriptor(fd);
  });
  const jail = verify(request, facts);
  keepLaunch(request, jail, facts.sight);
  warnOnce(jail.warnings);
  try {
    // open until the program has started: a failure is diagnosed through this descriptor
    const kept = new KeptLaunch(jail);
    return await startIn(kept, await ready(request, kept, options), options);
  } finally {
    native.closeDescriptor(jail.fd);
  }
}

/** Look-up, verification, launch: everything but the checks of the request. */
export function launchBeside(request: NormalRequest, options: NormalSpawn): Promise<JailedProcess> {
  return begin(request, options, async (begun) => {
    if (begun.signal?.aborted === true) throw abortError(begun.signal);
    const launch = (asked: NormalRequest): Promise<JailedProcess> => launchAs(asked, begun);
    return request.user.isAuto === true ? withOwnId(request, begun, launch) : launch(request);
  });
}

function launchAs(request: NormalRequest, begun: NormalSpawn): Promise<JailedProcess> {
  const lookUp = (): Promise<JailedProcess> => lookUpAndStart(request, begun);
  // a default program, and checkProgram, need the jail open before the launch
  const kept = request.program === undefined || request.checkProgram ? undefined : keptLaunch(request);
  if (kept === undefined) return lookUp();
  const prepared = ready(request, kept, begun);
  const start = (all: Ready): Promise<JailedProcess> => startIn(kept, all, begun, lookUp);
  return prepared instanceof Promise ? prepared.then(start) : start(prepared);
}

/**
 * Starts a program in a jail beside this process, without holding the event loop. Resolves once the program has been
 * executed, so a missing interpreter is a rejection and not an exit status.
 *
 * @throws UsageError for a bad request; nothing has happened
 * @throws LaunchError if a step failed; the program has not run
 * @throws AbortError if the AbortSignal was aborted before; the program has not run
 */
export async function spawnInJail<
  const Wanted extends Stdio = 'pipe',
  const Pty extends SpawnRequest['pty'] = undefined,
>(request: SpawnRequest<Wanted> & WithPty<Pty>): Promise<JailedProcess<JointOf<Wanted, Pty>>> {
  refuseSecond(arguments);
  const begun: Promise<unknown> = launchBeside(...normalizeSpawn(request));
  return begun as Promise<JailedProcess<JointOf<Wanted, Pty>>>;
}
