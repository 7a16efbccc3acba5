// Launching in place: this process becomes the program, with the same pid and terminal.
import { writeSync } from 'node:fs';

import { errnoName } from '../../words/errno.ts';
import { exitStatuses, LaunchError, UsageError } from '../../errors.ts';
import { native, openLauncher, type PlanFailure, type WaitedRequest } from '../../native.ts';
import { attempt } from '../../words/system-error.ts';
import { openHostPorts } from '../host/host-port.ts';
import { callerInPlace, refuseOwnDescriptors } from '../host/caller.ts';
import { lostDirectories } from '../host/environment.ts';
import { hostQuery } from '../host/account.ts';
import { takeIdNow, withId } from '../host/own-id.ts';
import { settle, verify, type JudgedJail } from '../host/judged-jail.ts';
import { wantedFilter } from '../host/wanted-filter.ts';
import { failedLine } from '../host/status-line.ts';
import { toLaunch, type Launch } from '../plan/launch.ts';
import { hasInit } from '../request/isolation-value.ts';
import { needsRelay } from '../request/outbound-value.ts';
import { normalize, type LaunchRequest, type NormalRequest } from '../request/request.ts';
import { needsCgroup, needsWaiter, showCgroupLimits } from '../request/limit-rows.ts';
import type { CgroupPlan } from '../host/cgroup-layout.ts';
import { watchedLimits } from '../process/limit.ts';
import { toLaunchError } from '../tell/failure.ts';
import { viewOf, type JailView } from '../tell/jail-view.ts';
import { findProblem } from '../tell/preflight.ts';
import { mayLackFile } from '../tell/library-glance.ts';
import { findMissingZone, findTinyLimits, findWholeEnvironment } from '../tell/launch-warnings.ts';
import { judgeBinds } from '../host/binds.ts';
import { makeWorkspaces, mapFdsOf } from '../host/workspace.ts';
import { startRelay } from './relay-process.ts';
import { startReport } from './report-process.ts';
import { lookAtResult, openResult, tellNoStart } from './result.ts';
import { closePidPlace, pidPlaceOf, writePidFile, type PidFile } from './pidfile.ts';

/** A warning about a launch. */
export interface Warning {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** The lines about an error, for fd 2. */
export function errorLines(error: Warning): string {
  // the C original's sentence begins with the program's name already
  const line = error.message.startsWith('uchroot ') ? error.message : `uchroot: ${error.message}`;
  return `${line}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`;
}

/** The lines of a warning. */
export function warningLines({ message, hint }: Warning): string {
  return errorLines({ message: `warning: ${message}`, hint });
}

// If nobody reads the status descriptor any more, or stderr is closed, the exit status must still be the right one.
const tryWrite = (fd: number, text: string | Buffer): void => attempt(() => writeSync(fd, text as string));

/** Writes to --status-fd that the launch has failed. */
export function reportFailure(
  statusFd: number | undefined,
  error: { readonly message: string; readonly code?: string },
): void {
  if (statusFd !== undefined) tryWrite(statusFd, failedLine(error));
}

// Without memory or descriptors nothing can look into the jail: then the error is the bare errno.
function explain({ steps }: Launch, view: JailView, failure: PlanFailure): LaunchError {
  try {
    return toLaunchError(steps, failure, view);
  } catch {
    const { errno } = failure;
    const step = steps[failure.step]?.op ?? 'launch';
    return new LaunchError(`${step}: errno ${errno}`, { step, code: errnoName(errno), errno });
  }
}

// An error in `rephrase` must not hide the failure.
function inOtherWords(error: LaunchError, rephrase: Listener['rephrase']): Warning {
  try {
    return rephrase(error);
  } catch {
    return error;
  }
}

// From here on nothing may return to ordinary JavaScript: root directory and identity may have changed. This function looks into
// the jail through the open directory, writes what is wrong, and ends the process.
function reportAndExit(
  launch: Launch,
  view: JailView,
  failure: PlanFailure,
  resultFd: number,
  { tell, rephrase, fail }: Listener,
): never {
  let status: number = exitStatuses.failed;
  try {
    const error = explain(launch, view, failure);
    tell(errorLines(inOtherWords(error, rephrase)));
    status = fail(error);
    reportFailure(launch.request.statusFd, error);
    tellNoStart(resultFd, error);
  } finally {
    exitNow(status);
  }
}

// Not process.exit(): listeners of the service must not run in the jail.
function exitNow(status: number): never {
  return (process as NodeJS.Process & { reallyExit(status: number): never }).reallyExit(status);
}

// A terminal is as large as that of this process, unless the request says otherwise.
function withOwnSize(request: NormalRequest): NormalRequest {
  const size = native.terminalSize();
  return size === undefined ? request : { ...request, pty: { ...size, ...request.pty } };
}

/** Verifies the jail of a launch in place. */
export function verifyInPlace(
  request: NormalRequest,
  warn: (warning: Warning) => void,
  privileged = true,
): JudgedJail {
  const own = request.user.isAuto === true ? takeIdNow(privileged) : undefined;
  const asked = own === undefined ? request : withId(request, own.id);
  const jail = verify(asked, native.readHostSync(hostQuery(asked)), privileged);
  jail.warnings.forEach(warn);
  return own === undefined ? jail : { ...jail, lockFd: own.fd };
}

/** Plans a launch in place. `cgroup` is for the limits that need one; a launch without it cannot be started. */
export function planInPlace(
  normal: NormalRequest,
  jail: JudgedJail,
  warn: (warning: Warning) => void,
  cgroup?: CgroupPlan,
): Launch {
  const request = normal.pty === undefined ? normal : withOwnSize(normal);
  const { account } = jail;
  const caller = { ...callerInPlace(), cgroup };
  if (request.keepEnv || request.passEnv.length > 0)
    lostDirectories(request, caller.environment).forEach(warn);
  const real = judgeBinds(settle(request, jail), account, warn);
  const launch = toLaunch(real, jail, caller, wantedFilter(real, account, caller));
  findMissingZone(launch.execve.env, () => viewOf(launch)).forEach(warn);
  findTinyLimits(launch).forEach(warn);
  const statusFd = request.statusFd === undefined ? [] : [request.statusFd];
  refuseOwnDescriptors([...launch.keptFds, ...statusFd], jail.fd);
  return launch;
}

/** Verifies and plans a launch in place. Nothing has happened yet when it throws. */
export function prepareInPlace(
  request: NormalRequest,
  warn: (warning: Warning) => void,
  privileged = true,
): Launch {
  return planInPlace(request, verifyInPlace(request, warn, privileged), warn);
}

/** Receives the failure of a launch. */
export interface Listener {
  /** Gets the lines about it. */
  readonly tell: (lines: string) => void;
  /** Returns better words for the failure, if the receiver has some. */
  readonly rephrase: (error: LaunchError) => Warning;
  /** Returns the exit status. */
  readonly fail: (error: LaunchError) => number;
  /** What the program may not call is told in the log alone: a script of an init system waits for the end of the status descriptor. */
  readonly isService?: boolean;
}

/** Judges the places of a launch's files. @throws LaunchError ERR_INSECURE_PATH, or with the errno */
export function lookAtFiles(
  launch: Pick<Launch, 'request' | 'account'>,
  warn: (warning: Warning) => void,
): void {
  lookAtResult(launch, warn);
  const place = pidPlaceOf(launch, warn);
  if (place !== undefined) closePidPlace(place);
}

// For a person, or a shell.
const terminal: Listener = {
  tell: (lines) => tryWrite(2, lines),
  rephrase: (error) => error,
  fail: (error) => error.exitStatus,
};

// The descriptors above 2 that the launcher must keep.
function keptBy({ keptFds, request: { statusFd = 0, workspace, view } }: Launch): readonly number[] {
  const all = workspace === undefined ? keptFds : [...keptFds, ...mapFdsOf(view)];
  return statusFd > 2 && !keptFds.includes(statusFd) ? [...all, statusFd] : all;
}

// The ids of the process that waits. An init sends signals to it, so it must have the program's ids. Without an init it keeps uid 0:
// with the program's ids, the program could kill it and so escape its limits. Without root it keeps the caller's ids.
function waiterOf({ account, request }: Launch): WaitedRequest['waiter'] {
  const { uid, gid, outside } = account;
  const parentPid = request.dieWithParent ? process.ppid : 0;
  if (outside !== undefined) return { uid: '', gid: '', parentPid };
  return hasInit(request) ? { uid, gid, parentPid } : { uid: 0, gid: 0, parentPid };
}

/** Runs a prepared launch. Does not return. */
export function runInPlace(launch: Launch, listener: Partial<Listener> = {}): never {
  const { request, bytes, jail } = launch;
  const view = viewOf(launch);
  // Some failures must be found before the launch. With a profile, the calls for a diagnosis may be refused afterwards; and only the
  // loader would notice a missing library.
  if (request.reportDenials && needsRelay(request))
    throw new UsageError(
      `--report-denials and ${request.connectTo.length > 0 ? '--connect-to' : '--listen-on'} are given at once: the command has one process beside the program`,
      {
        hint: 'leave one of them out; runInJail and spawnInJail of the library do both',
      },
    );
  const isChecked = request.checkProgram || request.seccomp?.file !== undefined || mayLackFile(launch, view);
  const problem = isChecked ? findProblem(launch, view) : undefined;
  if (problem !== undefined) throw problem;
  if (needsCgroup(request) && launch.setUp[0]?.[0]?.op !== 'cgroup')
    throw new Error('limits are planned without a cgroup');
  const { tell, rephrase, fail, isService = false } = { ...terminal, ...listener };
  if (request.workspace !== undefined) makeWorkspaces(request);
  const ports = request.listenOn.length === 0 ? [] : openHostPorts(request.listenOn);
  const resultFd = openResult(launch, (warning) => tell(warningLines(warning)));
  const place = pidPlaceOf(launch, (warning) => tell(warningLines(warning)));
  let pidFile: PidFile | undefined;
  try {
    pidFile = place && writePidFile(place, process.pid);
  } catch (error) {
    if (place !== undefined) closePidPlace(place);
    throw error;
  }
  const report = request.reportDenials ? startReport(launch) : undefined;
  const inPlace = { plan: bytes, jailFd: jail.fd, pidFile };
  const failure =
    hasInit(request) || needsWaiter(request)
      ? native.execAndWait({
          ...inPlace,
          launcherFd: openLauncher(),
          keptFds: keptBy(launch),
          waiter: waiterOf(launch),
          limits: watchedLimits(request),
          hasPty: request.pty !== undefined,
          lockFd: jail.lockFd ?? -1,
          outboundFd:
            report?.socket ?? (needsRelay(request) ? startRelay(launch, isService, ports) : undefined),
          resultFd,
          reporterPid: report?.pid ?? -1,
        })
      : native.execPlan(inPlace);
  return reportAndExit(launch, view, failure, resultFd, { tell, rephrase, fail });
}

const warnOnStderr = (warning: Warning): void => tryWrite(2, warningLines(warning));

/**
 * Replaces this process by a program in a jail: same pid, same terminal, nothing of Node left. Never returns. With a pid namespace or
 * `time`, this process becomes a small one that waits for the program, passes signals on and ends with its status.
 *
 * Errors before the first step of the plan are thrown. After it the process cannot go on: a failure is written to fd 2, and the
 * process exits with 125, 126 or 127. `process.on('exit')` does not run. Warnings go to fd 2.
 *
 * @throws UsageError for a bad request, or in a worker thread
 * @throws LaunchError for a problem with account, privilege or jail directory
 */
export function execInJail(request: LaunchRequest): never {
  const normal = normalize(request);
  if (needsCgroup(normal))
    throw new UsageError(
      `${showCgroupLimits(normal)}: execInJail cannot set these limits, as it takes time to look for a place for their cgroup`,
      { hint: 'use spawnInJail or runInJail, or the command uchroot' },
    );
  const beside = (['connectTo', 'listenOn'] as const).find((key) => normal[key].length > 0);
  if (beside !== undefined || normal.reportDenials)
    throw new UsageError(`${beside ?? 'reportDenials'}: execInJail leaves no process beside the program`, {
      hint: 'use spawnInJail or runInJail, or the command uchroot',
    });
  if (!native.isMainThread()) {
    throw new UsageError('execInJail works on the main thread only', {
      hint: 'in a worker thread, use spawnInJail',
    });
  }
  const jail = verifyInPlace(normal, warnOnStderr);
  findWholeEnvironment(normal).forEach(warnOnStderr);
  try {
    return runInPlace(planInPlace(normal, jail, warnOnStderr));
  } catch (error) {
    native.closeDescriptor(jail.fd);
    throw error;
  }
}
