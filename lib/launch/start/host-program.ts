// Starts a program of the host beside this process, in no jail and with this process's identity. Like a launch, and unlike
// fork(2), it does not hold the event loop longer when this process is large.
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

import { errnoName } from '../../words/errno.ts';
import { native, openLauncher, type ProcessHandle } from '../../native.ts';
import { encodePlan } from '../plan/encode.ts';
import type { Step } from '../plan/step.ts';
import { toExit } from '../process/exit.ts';
import { takeStream } from '../process/pipes.ts';
import type { StdioTriple } from '../request/stdio.ts';

export interface PlainRequest {
  readonly program: Buffer;
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
  /** Descriptors 0 to 2 in the addon's terms; each is copied at once. */
  readonly stdio: StdioTriple;
}

/** How the program ended. Both are null if other code in this process took the status. */
interface PlainEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PlainProcess {
  /** Resolves to the pid once the program has been executed. If it rejects, the program has not run, and `ended` never resolves. */
  readonly started: Promise<number>;
  readonly ended: Promise<PlainEnd>;
  /** The stream of its standard output, if that is a pipe. Call it once, before the program has ended. */
  readonly output: () => Readable;
  /** Sends SIGKILL to the program and its process group. */
  readonly killGroup: () => void;
  /** After `started`: the event loop may end while the program runs. */
  readonly unref: () => void;
}

// setsid: no terminal (setsid(2)). The rest undoes what Node does to itself, and closes its descriptors.
const SET_UP: readonly Step[] = [
  { op: 'setsid' },
  { op: 'stdio', fd: 0 },
  { op: 'stdio', fd: 1 },
  { op: 'stdio', fd: 2 },
  { op: 'close_range', first: 3 },
  { op: 'reset_signals' },
];

/** The environment of this process with more variables. */
export function environmentWith(variables: Readonly<Record<string, string>> = {}): readonly Buffer[] {
  return Object.entries({ ...process.env, ...variables }).map(([name, value]) =>
    Buffer.from(`${name}=${value}`),
  );
}

/** Starts a program in a session of its own. Never throws. */
export function startPlain({ program, argv, env, stdio }: PlainRequest): PlainProcess {
  let handle: ProcessHandle | undefined;
  let hasStarted = false;
  let tellEnd: (end: PlainEnd) => void;
  const ended = new Promise<PlainEnd>((done) => {
    tellEnd = done;
  });
  const started = new Promise<number>((done, fail) => {
    const launcherFd = openLauncher();
    handle = native.spawn({
      plan: encodePlan([[...SET_UP, { op: 'execve', program, argv, env }]]),
      jail: launcherFd, // no step uses it
      launcherFd,
      stdio,
      kept: [],
      group: 'released',
      onStarted: (start) => {
        if (!('pid' in start))
          return fail(new Error(errnoName('failure' in start ? start.failure.errno : 0)));
        hasStarted = true;
        return done(start.pid);
      },
      onExit: (end) => {
        // The other processes of its group go on: the command of a rule may end in &.
        if (handle !== undefined) native.release(handle, false);
        const { exitCode, signal } = toExit(end);
        tellEnd({ exitCode, signal });
      },
    });
  });
  return {
    started,
    ended,
    output: () => {
      if (handle === undefined) throw new Error('it was not started');
      return takeStream(handle, 1);
    },
    killGroup: () => {
      if (handle === undefined) return;
      if (hasStarted) native.killGroup(handle, constants.signals.SIGKILL);
      else native.recall(handle, true);
    },
    unref: () => {
      if (handle !== undefined) native.keepAlive(handle, false);
    },
  };
}
