// Starts a program of the host beside this process: in no jail, with the identity that this process has. As little of the
// event loop is taken as for a launch, however large this process is, whose page tables fork(2) would copy.
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

import { native, type ProcessHandle } from '../../native.ts';
import { encodeAgain } from '../plan/encode.ts';
import { errnoName } from '../../errno.ts';
import { openLauncher } from './launcher.ts';
import { takeStream } from '../process/pipes.ts';
import { signalName } from '../request/signal.ts';
import type { StdioTriple } from '../request/stdio.ts';
import type { Plan } from '../plan/step.ts';

export interface PlainRequest {
  readonly program: Buffer;
  readonly argv: readonly Buffer[];
  readonly env: readonly Buffer[];
  /** Where 0 to 2 lead, in the addon's terms; each is copied at once. */
  readonly stdio: StdioTriple;
}

/** How it ended. Both are null if somebody else in this process took the status. */
interface PlainEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PlainProcess {
  /** Resolves once the program has been executed, or rejects: then it has not run, and `ended` stays open. */
  readonly started: Promise<void>;
  readonly ended: Promise<PlainEnd>;
  /** What it writes, where its standard output is a pipe; to be called once, before it has ended. */
  readonly output: () => Readable;
  /** SIGKILL, to it and its process group. */
  readonly killGroup: () => void;
}

// A session of its own: no terminal (setsid(2)); the rest undoes what Node does to itself, and keeps nothing of it open.
const SET_UP: Plan = [
  [
    { op: 'setsid' },
    { op: 'stdio', fd: 0 },
    { op: 'stdio', fd: 1 },
    { op: 'stdio', fd: 2 },
    { op: 'close_range', first: 3 },
    { op: 'reset_signals' },
  ],
];

/** The environment of this process, and more variables. */
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
  const started = new Promise<void>((done, fail) => {
    const launcherFd = openLauncher();
    handle = native.spawn(
      encodeAgain(SET_UP, { op: 'execve', program, argv, env }),
      // no step uses it
      launcherFd,
      launcherFd,
      stdio,
      [],
      // its own, until it is released
      1,
      (failure) => {
        if (failure !== null) return fail(new Error(errnoName(failure?.errno ?? 0)));
        hasStarted = true;
        return done();
      },
      (exitCode, signal) => {
        // what it has left behind goes on: a rule may end in &
        if (handle !== undefined) native.release(handle, false);
        tellEnd({ exitCode, signal: signal === null ? null : signalName(signal) });
      },
    );
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
      else native.recall(handle);
    },
  };
}
