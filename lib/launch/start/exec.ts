// Launching in place: this process becomes the program, with the same pid and terminal.
import { writeSync } from 'node:fs';

import { LaunchError, UsageError } from '../../errors.ts';
import { native, type PlanFailure } from '../../native.ts';
import type { Account } from '../host/account.ts';
import { lostDirectories } from '../host/directories.ts';
import { encodePlan } from '../plan/encode.ts';
import { callerVariables } from '../host/caller.ts';
import { byteName, inPlaceVariables, type Variable } from '../host/environment.ts';
import { errnoName } from '../../errno.ts';
import { toLaunchError } from '../tell/failure.ts';
import { refuseOwnDescriptors } from '../host/own-descriptors.ts';
import { closePidPlace, openPidPlace, writePidFile, type PidPlace } from './pidfile.ts';
import { hostQuery, prepare, failedLine, verify, type Caller, type PreparedLaunch } from '../host/prepare.ts';
import { findProblem } from '../tell/preflight.ts';
import { normalize, type LaunchRequest, type NormalRequest } from '../request/request.ts';
import { findMissingZone } from '../host/zone.ts';

// Byte for byte: a value need not be text.
function namedEntries(names: readonly string[]): readonly Variable[] {
  return native.environmentVariables(names).map(([name, value]) => [byteName(name), value]);
}

/** This process as the caller of a launch in place; of its environment only what is asked for. */
export function callerInPlace({ keepEnv, passEnv }: Pick<NormalRequest, 'keepEnv' | 'passEnv'>): Caller {
  return {
    inPlace: true,
    environment: keepEnv
      ? callerVariables()
      : [
          ...native.environmentVariables(inPlaceVariables),
          ...(passEnv.length === 0 ? [] : namedEntries(passEnv)),
        ],
    pid: process.pid,
    get parentPid() {
      return process.ppid;
    },
  };
}

/** The lines that say what went wrong, for fd 2. */
export function errorLines(error: { readonly message: string; readonly hint?: string | undefined }): string {
  // The sentence of the C original begins with the program's name already.
  const line = error.message.startsWith('uchroot ') ? error.message : `uchroot: ${error.message}`;
  return `${line}\n${error.hint === undefined ? '' : `hint: ${error.hint}\n`}`;
}

/** The lines of a warning. */
export function warningLines({ message, hint }: Warning): string {
  return errorLines({ message: `warning: ${message}`, hint });
}

// A status descriptor that nobody reads any more, or a closed stderr, must not hide the exit status.
function tryWrite(fd: number, text: string | Buffer): void {
  try {
    writeSync(fd, text as string);
  } catch {
    // nobody is left to tell
  }
}

/** Tells --status-fd that nothing runs. */
export function reportFailure(
  statusFd: number | undefined,
  error: { readonly message: string; readonly code?: string },
): void {
  if (statusFd === undefined) return;
  tryWrite(statusFd, failedLine(error));
}

// Without memory or descriptors there is no looking into the jail: what is known is told.
function explain({ steps, view }: PreparedLaunch, failure: PlanFailure): LaunchError {
  try {
    return toLaunchError(steps, failure, view);
  } catch {
    const { errno } = failure;
    const step = steps[failure.step]?.op ?? 'launch';
    return new LaunchError(`${step}: errno ${errno}`, { step, code: errnoName(errno), errno });
  }
}

// From here on nothing may return to ordinary JavaScript: root directory and identity may have changed. It looks into
// the jail through the open directory, says what is wrong, and ends the process.
function reportAndExit(launch: PreparedLaunch, failure: PlanFailure, { tell, fail }: Listener): never {
  let status = 125;
  try {
    const error = explain(launch, failure);
    tell(errorLines(error));
    status = fail(error);
    reportFailure(launch.request.statusFd, error);
  } finally {
    exitNow(status);
  }
}

// Not process.exit(): listeners of the service must not run in the jail.
function exitNow(status: number): never {
  return (process as NodeJS.Process & { reallyExit(status: number): never }).reallyExit(status);
}

/** What is unwise about a launch, or lost by it. */
export interface Warning {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Verifies and plans a launch in place; what is wrong is thrown, and nothing has happened yet. */
export function prepareInPlace(
  request: NormalRequest,
  warn: (warning: Warning) => void,
  privileged = true,
): PreparedLaunch {
  const jail = verify(request, native.readHostSync(hostQuery(request)), privileged);
  jail.warnings.forEach(warn);
  const caller = callerInPlace(request);
  if (request.keepEnv || request.passEnv.length > 0)
    lostDirectories(request, caller.environment).forEach(warn);
  const launch = prepare(request, jail, caller);
  const zone = findMissingZone(launch);
  if (zone !== undefined) warn(zone);
  refuseOwnDescriptors([...launch.keptFds, ...(request.statusFd === undefined ? [] : [request.statusFd])]);
  return launch;
}

/** Who hears of a launch that fails. */
export interface Listener {
  /** Takes the lines that say what went wrong. */
  readonly tell: (lines: string) => void;
  /** Answers with the exit status. */
  readonly fail: (error: LaunchError) => number;
}

function pidPlaceOf(
  { pidFile, insecurePath }: NormalRequest,
  account: Account,
  warn: (warning: Warning) => void,
): PidPlace | undefined {
  const place = pidFile === undefined ? undefined : openPidPlace(pidFile, account, insecurePath);
  place?.warnings.forEach(warn);
  return place;
}

/** What a launch would say of the directory of its pid file. @throws LaunchError ERR_INSECURE_PATH, or with the errno */
export function lookAtPidFile(
  { request, account }: Pick<PreparedLaunch, 'request' | 'account'>,
  warn: (warning: Warning) => void,
): void {
  const place = pidPlaceOf(request, account, warn);
  if (place !== undefined) closePidPlace(place);
}

/** A person, or a shell. */
const person: Listener = { tell: (lines) => tryWrite(2, lines), fail: (error) => error.exitStatus };

/** Runs a prepared launch. Does not return. */
export function runInPlace(launch: PreparedLaunch, listener: Partial<Listener> = {}): never {
  const { request } = launch;
  const problem = request.checkProgram ? findProblem(launch) : undefined;
  if (problem !== undefined) throw problem;
  const plan = encodePlan(launch.stages);
  const { tell, fail } = { ...person, ...listener };
  const place = pidPlaceOf(request, launch.account, (warning) => tell(warningLines(warning)));
  const pidFile = place && writePidFile(place, process.pid);
  const failure = native.execPlan(plan, launch.jailFd, pidFile);
  return reportAndExit(launch, failure, { tell, fail });
}

/**
 * Replaces this process by a program in a jail: same pid, same terminal, nothing of Node left. Never returns.
 *
 * Before the first step of the plan, what is wrong is thrown. After it the process cannot go on: a failure is written to
 * fd 2 and the process exits with 125, 126 or 127. `process.on('exit')` does not run. Warnings go to fd 2.
 *
 * @throws UsageError for a bad request, or in a worker thread
 * @throws LaunchError for what can be seen before the launch: account, privilege, jail directory
 */
export function execInJail(request: LaunchRequest): never {
  const normal = normalize(request);
  if (!native.isMainThread()) {
    throw new UsageError('execInJail works on the main thread only', {
      hint: 'in a worker thread, use spawnInJail',
    });
  }
  return runInPlace(prepareInPlace(normal, (warning) => tryWrite(2, warningLines(warning))));
}
