// Starting a prepared launch beside this process: another thread starts the launcher, and the event loop waits for events.
import { constants } from 'node:os';

import type { LaunchError } from '../../errors.ts';
import {
  native,
  openLauncher,
  type CgroupUse,
  type HostSight,
  type PlanFailure,
  type ProcessGroup,
  type ProcessHandle,
} from '../../native.ts';
import { judgeBinds, judgedPaths } from '../host/binds.ts';
import { waysBeside } from '../host/ways-beside.ts';
import type { PreparedLaunch } from '../host/prepare.ts';
import { statusLine } from '../host/status-line.ts';
import { limitOf } from '../process/limit.ts';
import { type Exit, toExit } from '../process/exit.ts';
import { JailedProcess, type StopReason } from '../process/process.ts';
import type { StatusLines } from '../process/status.ts';
import { firstListenFd } from '../request/listen-sockets.ts';
import type { NormalRequest } from '../request/request.ts';
import type { SpawnOptions } from '../request/spawn-rows.ts';
import { piped } from '../request/stdio.ts';
import { toLaunchError } from '../tell/failure.ts';
import { warnOnce } from '../tell/launch-warnings.ts';
import { publish, type LaunchName } from './launch-events.ts';
import type { Spaces } from './kept-namespaces.ts';
import { toSpawnError } from '../host/spawn-error.ts';
import { abortError, awaitStop, beforeStop, leftMs, stopError, timeoutError } from './abort-or-timeout.ts';
import { closePidPlace, pidDirectory, pidPlaceOf, writePidFile, type PidPlace } from './pidfile.ts';

/** The options of a launch beside this process, and what is known once it has begun. */
export interface NormalSpawn extends SpawnOptions {
  /** For statusFd, once the launch has begun. */
  readonly status?: StatusLines | undefined;
  /** The name of this launch in its events; undefined without a subscriber. */
  readonly launch?: LaunchName | undefined;
  /** Namespaces of an open jail to join. */
  readonly spaces?: Spaces | undefined;
}

/** The same options for a launch that joins namespaces. Written out, because `{...options, spaces}` takes V8 twenty times as long. */
export const joining = (options: NormalSpawn, spaces: Spaces): NormalSpawn => ({
  stdio: options.stdio,
  streams: options.streams,
  listenFds: options.listenFds,
  timeoutMs: options.timeoutMs,
  signal: options.signal,
  killSignal: options.killSignal,
  forceKillAfterMs: options.forceKillAfterMs,
  newGroup: options.newGroup,
  leaveDescendants: options.leaveDescendants,
  requestedAt: options.requestedAt,
  status: options.status,
  launch: options.launch,
  spaces,
});

// Looks into the jail in which the failure happened. `jailFd` is -1 if the launch itself has the jail open.
function toError(launch: PreparedLaunch, failure: PlanFailure, jailFd: number): LaunchError {
  if (jailFd < 0) return toLaunchError(launch.steps, failure, launch.view);
  try {
    return toLaunchError(launch.steps, failure, launch.viewOf(jailFd));
  } finally {
    native.closeJail(jailFd);
  }
}

// Without pipes, nothing is awaited after the program's end.
function groupOf({ newGroup, leaveDescendants, stdio }: NormalSpawn, request: NormalRequest): ProcessGroup {
  if (!newGroup && !request.newSession) return 0;
  return leaveDescendants || stdio.includes(piped) ? 1 : 2;
}

/**
 * Starts a prepared launch. Resolves once the program has been executed.
 *
 * @param jail the verified directory, or what was seen of the host when it was verified
 * @param onChanged what to do instead if the host has changed since then; nothing has been started
 */
export function start(
  prepared: PreparedLaunch,
  jail: number | HostSight,
  options: NormalSpawn,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  const begin = (launch: PreparedLaunch): Promise<JailedProcess> => {
    if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal));
    if (leftMs(options) <= 0) return Promise.reject(timeoutError(options.timeoutMs));
    // judged before anything is started
    refuseOthers(options);
    const place = pidPlaceOf(launch, (warning) => warnOnce([warning]));
    const started = startWith(launch, jail, options, place, onChanged);
    return place === undefined ? started : started.finally(() => closePidPlace(place));
  };
  const looks = looksOf(prepared);
  return looks === undefined ? begin(prepared) : beforeStop(options, looks).then(begin);
}

// Looks at paths on another thread first. If a file system does not answer, the event loop is not held.
function looksOf(launch: PreparedLaunch): Promise<PreparedLaunch> | undefined {
  const { pidFile } = launch.request;
  const paths = judgedPaths(launch);
  if (paths.length === 0 && pidFile === undefined) return undefined;
  const judged = waysBeside(paths).then((ways) => judgeBinds(launch, (warning) => warnOnce([warning]), ways));
  return pidFile === undefined
    ? judged
    : judged.then((real) => waysBeside([pidDirectory(pidFile)]).then(() => real));
}

// Pairs: a descriptor of this process, and its number in the program.
function movesOf(keptFds: readonly number[], { listenFds }: NormalSpawn): readonly number[] {
  if (keptFds.length === 0) return keptFds;
  return keptFds.flatMap((fd) => [listenFds[fd - firstListenFd]?.fd ?? fd, fd]);
}

// If the caller has closed a socket too early, its number may belong to another file by now. The program must not get that.
function refuseOthers({ listenFds }: NormalSpawn): void {
  for (const { fd } of listenFds)
    try {
      native.socketType(fd);
    } catch (error) {
      throw toSpawnError(Object.assign(error as Error, { path: `descriptor ${fd} of listenFds` }));
    }
}

// How long a launch that was called off may go on. A launcher takes some milliseconds.
const mostLaunchMs = 1000;

const nothingKnown: PlanFailure = { step: -1, op: 0, errno: constants.errno.EIO, detail: 0 };

// If a launch has failed, `pid` is a descriptor of the jail.
function whyNotStarted(
  launch: PreparedLaunch,
  failure: PlanFailure | null | undefined,
  jailFd: number,
  stopped: StopReason | undefined,
  options: NormalSpawn,
): Error {
  const error = toError(launch, failure ?? nothingKnown, failure ? jailFd : -1);
  // without a failure the host has changed, but the launch was called off anyway
  const isOff = (failure?.errno ?? constants.errno.ECANCELED) === constants.errno.ECANCELED;
  return isOff && stopped !== undefined ? stopError(stopped, options) : error;
}

// Calls a launch off. The program may run before this process hears of it, and killSignal is for a program: so only a launcher that hangs
// gets SIGKILL.
function recall(
  handle: ProcessHandle | undefined,
  { forceKillAfterMs = mostLaunchMs }: NormalSpawn,
  onOver: () => void,
): NodeJS.Timeout | undefined {
  if (handle === undefined) return undefined;
  const isOver = (kills: boolean): boolean => native.recall(handle, kills);
  if (!isOver(false))
    return setTimeout(() => isOver(true) && onOver(), Math.min(forceKillAfterMs, mostLaunchMs));
  onOver();
  return undefined;
}

function startWith(
  launch: PreparedLaunch,
  jail: number | HostSight,
  options: NormalSpawn,
  place: PidPlace | undefined,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  return new Promise((resolve, reject) => {
    let started: JailedProcess | undefined;
    let handle: ProcessHandle | undefined;
    let stopped: StopReason | undefined;
    let toldPid: number | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const clearStop = awaitStop(options, (reason) => {
      stopped = reason;
      if (started !== undefined) started.stop(reason);
      else killTimer = recall(handle, options, () => reject(stopError(reason, options)));
    });
    const onStarted = (failure: PlanFailure | null | undefined, pid: number): void => {
      clearTimeout(killTimer);
      if (failure !== null || handle === undefined) {
        clearStop();
        if (failure === undefined && onChanged !== undefined && stopped === undefined)
          return resolve(onChanged());
        return reject(whyNotStarted(launch, failure, pid, stopped, options));
      }
      started = new JailedProcess(pid, handle, launch, options);
      try {
        if (place !== undefined) native.closeDescriptor(writePidFile(place, pid).fileFd);
      } catch (error) {
        started.kill('SIGKILL');
        return reject(error);
      }
      toldPid = pid;
      tellStart(options, pid);
      if (stopped !== undefined) started.stop(stopped);
      return resolve(started);
    };
    try {
      handle = native.spawn(
        launch.bytes,
        jail,
        openLauncher(),
        options.stdio,
        movesOf(launch.keptFds, options),
        groupOf(options, launch.request),
        onStarted,
        (...ended) => {
          clearStop();
          const exit = tellEnd(options, toldPid, exitOf(ended, launch.request, started));
          started?.finish(exit);
        },
        options.spaces?.fds,
      );
    } catch (error) {
      clearStop();
      reject(toSpawnError(error));
    }
  });
}

function exitOf(
  ended: Parameters<typeof toExit>,
  { cpuTime }: NormalRequest,
  started: JailedProcess | undefined,
): Exit {
  const exit = toExit(...ended);
  const limit = limitOf(exit, ended.slice(10, 15) as CgroupUse, {
    full: ended[15],
    cpuTime,
    stopped: started?.stopped,
    killed: started?.killed ?? false,
  });
  return limit === undefined ? exit : { ...exit, limit };
}

function tellStart({ status, launch }: NormalSpawn, pid: number): void {
  status?.tell(statusLine({ event: 'started', pid }));
  if (launch !== undefined) publish('start', { launch, pid });
}

function tellEnd({ status, launch }: NormalSpawn, pid: number | undefined, exit: Exit): Exit {
  const { exitCode, signal } = exit;
  if (launch !== undefined && pid !== undefined) publish('exit', { launch, pid, ...exit });
  status?.tell(statusLine({ event: 'exited', pid, exitCode, signal }));
  status?.end();
  return exit;
}
