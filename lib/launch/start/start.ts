// Starting a prepared launch beside this process: another thread starts the launcher, and the event loop waits for events.
import { constants } from 'node:os';

import type { Denied, LaunchError } from '../../errors.ts';
import { Gate, type GateOptions } from '../../outbound/gate.ts';
import {
  native,
  openLauncher,
  type HostSight,
  type PlanFailure,
  type ProcessGroup,
  type ProcessHandle,
  type ProgramEnd,
  type ProgramRequest,
  type ProgramStart,
} from '../../native.ts';
import { openHostPorts } from '../host/host-port.ts';
import { dialingIds, socketFinder } from '../host/outbound-socket.ts';
import type { Launch } from '../plan/launch.ts';
import { mapFdsOf } from '../host/workspace.ts';
import { statusLine } from '../host/status-line.ts';
import { toAccount } from '../process/end-account.ts';
import { type CpuWatch, watchCpuTime } from '../process/cpu-watch.ts';
import { limitOf, whyLimited } from '../process/limit.ts';
import { type Exit, toExit } from '../process/exit.ts';
import { JailedProcess, type StopReason } from '../process/process.ts';
import { firstListenFd } from '../request/listen-sockets.ts';
import { needsRelay } from '../request/outbound-value.ts';
import type { NormalRequest } from '../request/request.ts';
import { piped } from '../request/stdio.ts';
import { toLaunchError } from '../tell/failure.ts';
import { viewOf } from '../tell/jail-view.ts';
import { warnOnce } from '../tell/launch-warnings.ts';
import { publish } from './launch-events.ts';
import type { NormalSpawn } from './normal-spawn.ts';
import { toSpawnError } from '../host/spawn-error.ts';
import { abortError, awaitStop, leftMs, stopError, timeoutError } from './abort-or-timeout.ts';
import { reportWhile } from './denials.ts';
import { closePidPlace, pidPlaceOf, writePidFile, type PidPlace } from './pidfile.ts';

// Looks into the jail in which the failure happened. `jailFd` is -1 if the launch itself has the jail open.
function toError(launch: Launch, failure: PlanFailure, jailFd: number): LaunchError {
  if (jailFd < 0) return toLaunchError(launch.steps, failure, viewOf(launch));
  try {
    return toLaunchError(launch.steps, failure, viewOf(launch, jailFd));
  } finally {
    native.closeDescriptor(jailFd);
  }
}

// Without pipes, nothing is awaited after the program's end.
function groupOf({ newGroup, leaveDescendants, stdio }: NormalSpawn, request: NormalRequest): ProcessGroup {
  if (!newGroup && !request.newSession) return 'caller';
  return leaveDescendants || stdio.includes(piped) ? 'released' : 'killed';
}

/**
 * Starts a launch that is ready. Resolves once the program has been executed.
 *
 * @param jail the verified directory, or what was seen of the host when it was verified
 * @param onChanged what to do instead if the host has changed since then; nothing has been started
 */
export function start(
  launch: Launch,
  jail: number | HostSight,
  options: NormalSpawn,
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  if (options.signal?.aborted === true) return Promise.reject(abortError(options.signal));
  if (leftMs(options) <= 0) return Promise.reject(timeoutError(options.timeoutMs));
  // judged before anything is started
  refuseOthers(options);
  const place = pidPlaceOf(launch, (warning) => warnOnce([warning]));
  const hostPorts = openPorts(launch, place);
  const started = startWith(launch, jail, options, [place, hostPorts], onChanged);
  return place === undefined ? started : started.finally(() => closePidPlace(place));
}

function openPorts({ request }: Launch, place: PidPlace | undefined): number[] {
  try {
    return [...openHostPorts(request.listenOn)];
  } catch (error) {
    if (place !== undefined) closePidPlace(place);
    throw error;
  }
}

const keptIn = ({ keptFds, request: { workspace, view } }: Launch): readonly number[] =>
  workspace === undefined ? keptFds : [...keptFds, ...mapFdsOf(view)];

function keptBy(keptFds: readonly number[], { listenFds }: NormalSpawn): ProgramRequest['kept'] {
  return keptFds.map((target) => ({ fd: listenFds[target - firstListenFd]?.fd ?? target, target }));
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

function whyNotStarted(
  launch: Launch,
  start: Exclude<ProgramStart, { readonly pid: number }>,
  stopped: StopReason | undefined,
  options: NormalSpawn,
): Error {
  const hasFailed = 'failure' in start;
  const error = hasFailed ? toError(launch, start.failure, start.jailFd) : toError(launch, nothingKnown, -1);
  // if the host has changed, the launch was called off anyway
  const isOff = !hasFailed || start.failure.errno === constants.errno.ECANCELED;
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

const programOf = (
  launch: Launch,
  jail: number | HostSight,
  options: NormalSpawn,
  onStarted: (start: ProgramStart) => void,
  onExit: (end: ProgramEnd) => void,
): ProgramRequest => ({
  plan: launch.bytes,
  jail,
  launcherFd: openLauncher(),
  stdio: options.stdio,
  kept: keptBy(keptIn(launch), options),
  group: groupOf(options, launch.request),
  onStarted,
  onExit,
  spaces: options.spaces?.fds,
  sendsSockets: needsRelay(launch.request) || launch.request.reportDenials,
});

// Those that no gate has.
function closePorts(hostPorts: number[]): void {
  for (const fd of hostPorts.splice(0)) native.closeDescriptor(fd);
}

function startWith(
  launch: Launch,
  jail: number | HostSight,
  options: NormalSpawn,
  [place, hostPorts]: readonly [PidPlace | undefined, number[]],
  onChanged?: () => Promise<JailedProcess>,
): Promise<JailedProcess> {
  return new Promise((resolve, reject) => {
    let started: JailedProcess | undefined;
    let handle: ProcessHandle | undefined;
    let stopped: StopReason | undefined;
    let toldPid: number | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    let beside: Beside = [undefined, undefined];
    let cpu: CpuWatch | undefined;
    const clearStop = awaitStop(options, (reason) => {
      stopped = reason;
      if (started !== undefined) started.stop(reason);
      else killTimer = recall(handle, options, () => reject(stopError(reason, options)));
    });
    const onStarted = (start: ProgramStart): void => {
      clearTimeout(killTimer);
      if (!('pid' in start)) {
        clearStop();
        closePorts(hostPorts);
        const isChanged = 'hostChanged' in start && stopped === undefined;
        if (isChanged && onChanged !== undefined) return resolve(onChanged());
        return reject(whyNotStarted(launch, start, stopped, options));
      }
      const { pid } = start;
      started = new JailedProcess(pid, start.handle, launch, options);
      try {
        beside = openBeside(launch, start.handle, started, options, hostPorts);
        if (place !== undefined) native.closeDescriptor(writePidFile(place, pid).fileFd);
      } catch (error) {
        started.kill('SIGKILL');
        return reject(error);
      }
      cpu = watchCpuTime(started, start.handle, launch.request);
      toldPid = pid;
      tellStart(options, pid);
      if (stopped !== undefined) started.stop(stopped);
      return resolve(started);
    };
    const onExit = (end: ProgramEnd): void => {
      clearStop();
      cpu?.end();
      const exit = (): Exit =>
        tellEnd(options, toldPid, exitOf(end, launch.request, started, cpu?.isOver, options));
      endBeside(beside, hostPorts, () => started?.finish(exit()));
    };
    try {
      handle = native.spawn(programOf(launch, jail, options, onStarted, onExit));
    } catch (error) {
      clearStop();
      closePorts(hostPorts);
      reject(toSpawnError(error));
    }
  });
}

// The relay of a launch, and its report.
type Beside = readonly [gate: Gate | undefined, report: Promise<void> | undefined];

const onWarning: GateOptions['onWarning'] = ({ message, hint = '' }) => warnOnce([{ message, hint }]);

// At once without a report: listeners of an exit run in the same turn.
function endBeside([gate, report]: Beside, hostPorts: number[], onEnd: () => void): void {
  gate?.close();
  closePorts(hostPorts);
  if (report === undefined) onEnd();
  else void report.then(onEnd);
}

// The program runs already; what it asks waits in the sockets. If they do not come, it has no way out, and is ended.
function openBeside(
  launch: Launch,
  handle: ProcessHandle,
  started: JailedProcess,
  { status, onConnect }: NormalSpawn,
  hostPorts: number[],
): Beside {
  const { account, request } = launch;
  const { connectTo, listenOn, insecurePath, reportDenials } = request;
  if (!needsRelay(request) && !reportDenials) return [undefined, undefined];
  const sent = [...native.takeSent(handle, 3)];
  const onDenied = (denied: Denied): void => {
    status?.tell(statusLine({ event: 'denied', ...denied }));
    started.denied.push(denied);
    started.emit('denied', denied);
  };
  const report = reportDenials ? reportWhile(started, launch, sent.pop() ?? -1, onDenied) : undefined;
  if (!needsRelay(request)) return [undefined, report];
  const [toSocket, ids] = [socketFinder(insecurePath), dialingIds(account)];
  const ports = hostPorts.splice(0).map((fd, at) => [fd, listenOn[at]?.inside ?? 0] as const);
  const gate = { list: connectTo, sockets: sent, ports, toSocket, ids, onDenied, onWarning, onConnect };
  return [new Gate(gate), report];
}

function exitOf(
  end: ProgramEnd,
  request: NormalRequest,
  started: JailedProcess | undefined,
  isCpuOver = false,
  { requestedAt }: NormalSpawn,
): Exit {
  const { cpuTime, connectTo, reportDenials } = request;
  const told = toExit(end);
  const exit = connectTo.length === 0 && !reportDenials ? told : { ...told, denied: started?.denied ?? [] };
  const limit = limitOf(exit, end, {
    cpuTime,
    stopped: started?.stopped,
    killed: started?.killed ?? false,
    isCpuOver,
  });
  const account = toAccount(end, {
    limit,
    message: whyLimited(limit, request),
    isStopped: isCpuOver || started?.stopped === 'ETIMEDOUT',
    wallMs: performance.now() - requestedAt,
  });
  return limit === undefined ? { ...exit, account } : { ...exit, limit, account };
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
