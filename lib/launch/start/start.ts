// Starting a prepared launch beside this process: another thread starts the launcher, and the event loop waits for events.
import { constants } from 'node:os';

import type { BytePath } from '../../binary/path.ts';
import { reason } from '../../errno.ts';
import { AbortError, type ErrnoName, LaunchError } from '../../errors.ts';
import {
  native,
  openLauncher,
  type CgroupUse,
  type HostSight,
  type PlanFailure,
  type ProcessGroup,
  type ProcessHandle,
} from '../../native.ts';
import { judgeBindsBeside, judgedPaths } from '../host/binds.ts';
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
import { warnOnce } from '../tell/warn.ts';
import { publish, type LaunchName } from './launch-events.ts';
import type { Spaces } from './spaces.ts';
import { closePidPlace, pidPlaceOf, writePidFile, type PidPlace } from './pidfile.ts';

/** What is known of a launch beside this process once it has begun. */
export interface NormalSpawn extends SpawnOptions {
  /** For statusFd, once the launch has begun. */
  readonly status?: StatusLines | undefined;
  /** What the events of this launch call it, if anybody watches. */
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

/** The error of a launch that was aborted before it began. */
export function abortError(signal: AbortSignal): AbortError {
  return new AbortError('launch: aborted before it began', signal);
}

function timeoutError(timeoutMs: number | undefined): LaunchError {
  return new LaunchError(`launch: it had not begun after timeoutMs, ${timeoutMs} ms, and was called off`, {
    step: 'launch',
    code: 'ETIMEDOUT',
    errno: constants.errno.ETIMEDOUT,
    hint: inSeconds(timeoutMs),
  });
}

/** The hint for a time that was probably meant in seconds. */
export function inSeconds(timeoutMs = 0): string | undefined {
  return timeoutMs > 0 && timeoutMs <= 60
    ? `timeoutMs counts milliseconds: write timeoutMs: ${timeoutMs * 1000} for ${timeoutMs} seconds`
    : undefined;
}

/** Why a launch must not begin any more. */
export function stopError(reason: StopReason, { signal, timeoutMs }: NormalSpawn): AbortError | LaunchError {
  return reason === 'ABORT_ERR' && signal !== undefined ? abortError(signal) : timeoutError(timeoutMs);
}

// The rest of the timeout: the look-up may have taken a part.
function leftMs({ timeoutMs, requestedAt }: NormalSpawn): number {
  return timeoutMs === undefined ? Infinity : timeoutMs - (performance.now() - requestedAt);
}

/** Waits for timeout and abort: the first of them counts. @returns ends the wait */
export function awaitStop(options: NormalSpawn, onStop: (reason: StopReason) => void): () => void {
  const { signal, timeoutMs } = options;
  const clear = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  const stop = (reason: StopReason): void => {
    clear();
    onStop(reason);
  };
  const onAbort = (): void => stop('ABORT_ERR');
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(stop, Math.max(0, leftMs(options)), 'ETIMEDOUT');
  signal?.addEventListener('abort', onAbort);
  return clear;
}

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
  launch: PreparedLaunch,
  jail: number | HostSight,
  options: NormalSpawn,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  const begin = (): Promise<JailedProcess> => {
    if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal));
    if (leftMs(options) <= 0) return Promise.reject(timeoutError(options.timeoutMs));
    // judged before anything is started
    refuseOthers(options);
    const place = pidPlaceOf(launch, (warning) => warnOnce([warning]));
    const started = startWith(launch, jail, options, place, onChanged);
    return place === undefined ? started : started.finally(() => closePidPlace(place));
  };
  const paths = judgedPaths(launch);
  return paths.length === 0 ? begin() : accept(launch, paths, options).then(begin);
}

// Waits no longer than the launch may.
function accept(launch: PreparedLaunch, paths: readonly BytePath[], options: NormalSpawn): Promise<void> {
  if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal));
  return new Promise((resolve, reject) => {
    const clear = awaitStop(options, (reason) => reject(stopError(reason, options)));
    void judgeBindsBeside(launch, paths, (warning) => warnOnce([warning]))
      .finally(clear)
      .then(resolve, reject);
  });
}

// Alternately a descriptor of this process, and its number in the program.
function movesOf(keptFds: readonly number[], { listenFds }: NormalSpawn): readonly number[] {
  if (keptFds.length === 0) return keptFds;
  return keptFds.flatMap((fd) => [listenFds[fd - firstListenFd]?.fd ?? fd, fd]);
}

// A socket that the caller has closed too early leaves its number to another file, which the program must not get.
function refuseOthers({ listenFds }: NormalSpawn): void {
  for (const { fd } of listenFds)
    try {
      native.socketType(fd);
    } catch (error) {
      throw toSpawnError(Object.assign(error as Error, { path: `descriptor ${fd} of listenFds` }));
    }
}

const nothingKnown: PlanFailure = { step: -1, op: 0, errno: constants.errno.EIO, detail: 0 };

function startWith(
  launch: PreparedLaunch,
  jail: number | HostSight,
  options: NormalSpawn,
  place: PidPlace | undefined,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  const { request, execve, keptFds } = launch;
  return new Promise((resolve, reject) => {
    let started: JailedProcess | undefined;
    let handle: ProcessHandle | undefined;
    let stopped: StopReason | undefined;
    const clearStop = awaitStop(options, (reason) => {
      stopped = reason;
      if (started !== undefined) started.stop(reason);
      else if (handle !== undefined) native.recall(handle);
    });
    // a launch that has failed has a descriptor of the jail in place of a pid
    const onStarted = (failure: PlanFailure | null | undefined, pid: number): void => {
      if (failure !== null || handle === undefined) {
        clearStop();
        if (failure === undefined && onChanged !== undefined) return resolve(onChanged());
        const error = toError(launch, failure ?? nothingKnown, failure ? pid : -1);
        const calledOff = failure?.errno === constants.errno.ECANCELED ? stopped : undefined;
        return reject(calledOff === undefined ? error : stopError(calledOff, options));
      }
      started = new JailedProcess(pid, handle, execve, options);
      try {
        if (place !== undefined) native.closeDescriptor(writePidFile(place, pid).fileFd);
      } catch (error) {
        started.kill('SIGKILL');
        return reject(error);
      }
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
        movesOf(keptFds, options),
        groupOf(options, request),
        onStarted,
        (...ended) => {
          clearStop();
          const exit = exitOf(ended, request, started);
          tellEnd(options, started?.pid, exit);
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

function tellEnd({ status, launch }: NormalSpawn, pid: number | undefined, exit: Exit): void {
  const { exitCode, signal } = exit;
  if (launch !== undefined && pid !== undefined) publish('exit', { launch, pid, ...exit });
  status?.tell(statusLine({ event: 'exited', pid, exitCode, signal }));
  status?.end();
}

/** An error of the addon as the error of a launch. `ifClosed` is the hint for a descriptor that is not open. */
export function toSpawnError(error: unknown, ifClosed = openUntilSettled): LaunchError {
  const { code = 'EIO', errno = -5, syscall, path } = error as NodeJS.ErrnoException;
  const what = path ?? (syscall === 'pthread_create' ? 'a thread cannot be started' : 'descriptors');
  return new LaunchError(`launch: ${what}: ${reason(-errno)}`, {
    step: 'launch',
    call: syscall,
    code: code as ErrnoName,
    errno: -errno,
    path,
    hint: code === 'EBADF' || code === 'ENOTSOCK' ? ifClosed : hintOf[code],
    cause: error,
  });
}

const openUntilSettled =
  'descriptors in stdio, preserveFds and listenFds must be open until the promise is settled';
const hintOf: Readonly<Record<string, string>> = {
  EMFILE:
    'this process has as many descriptors open as it may: raise LimitNOFILE= of its unit (getrlimit(2))',
  EAGAIN: 'this process has as many threads as it may: raise TasksMax= of its unit (pthread_create(3))',
};
