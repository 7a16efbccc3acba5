// Runs a command in a scratch copy under strace, and reads the trace meanwhile.

import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';

import { bytePath } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { startPlain } from '../../launch/start/host-program.ts';
import type { Account } from '../../launch/host/account.ts';
import type { Scratch } from './scratch.ts';
import { keepLast, type Tools } from './learning-tools.ts';
import { STRACE_OPTIONS, TraceReader } from './trace.ts';

interface TracedCommand {
  readonly words: readonly Buffer[];
  readonly account: Account;
  /** The working directory in the copy. */
  readonly cwd: string;
  readonly env: readonly Buffer[];
  readonly timeoutMs: number;
  /** It is not aborted yet. */
  readonly signal: AbortSignal | undefined;
}

export type TracedRun = Awaited<ReturnType<typeof runTraced>>;

/** The time from SIGTERM to SIGKILL. */
const GRACE_MS = 2000;

// As much as a person would read.
const STDERR_BYTES = 4096;

/**
 * Runs the command until it ends or its time is over, and then ends the copy. strace stays outside of the copy and runs as root, so
 * that the command cannot stop it. The command has a session of its own, and so no terminal to which it could send input; it reads
 * and writes /dev/null, and its standard error is kept.
 */
export async function runTraced(tools: Tools, scratch: Scratch, command: TracedCommand) {
  const { namespaces, fifos } = scratch;
  const reader = new TraceReader(bytePath(scratch.root), WRAPPERS);
  const opened: ReturnType<typeof openFifo>[] = [];
  const open = (path: string) => {
    const fifo = openFifo(path);
    opened.push(fifo);
    return fifo;
  };
  let stderr: ReturnType<typeof keepLast> | undefined;
  let timedOut = false;
  let timers: readonly NodeJS.Timeout[] = [];
  const onAbort = (): void => void namespaces.close();
  command.signal?.addEventListener('abort', onAbort);
  try {
    open(fifos.trace.here).stream.on('data', (chunk: Buffer) => reader.push(chunk));
    const errors = open(fifos.stderr.here);
    stderr = keepLast(errors.stream, STDERR_BYTES);
    const child = startPlain({
      program: Buffer.from(tools.nsenter),
      argv: argvOf(tools, scratch, command),
      env: command.env,
      stdio: [NULL_DEVICE, NULL_DEVICE, errors.writer],
    });
    await child.started.catch(({ message }: Error) => {
      // such as E2BIG, for a command with very long arguments
      throw new JailError(`the command could not be started: ${message}`, { code: 'ERR_SCRATCH' });
    });
    const terminate = (): void => {
      timedOut = true;
      namespaces.terminateTraced();
    };
    timers = [
      setTimeout(terminate, command.timeoutMs),
      setTimeout(() => void namespaces.close(), command.timeoutMs + GRACE_MS),
    ];
    await child.ended;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    command.signal?.removeEventListener('abort', onAbort);
    await namespaces.close();
    await Promise.all(opened.map((fifo) => fifo.end()));
  }
  /** `stderr`: the last few thousand bytes of the command's standard error. */
  return { trace: reader.finish(), timedOut, stderr: stderr?.() ?? '' };
}

// strace sees three programs executed before the command: unshare, setpriv and setpriv.
const WRAPPERS = 3;

const NULL_DEVICE = -1; // in the terms of the addon

function argvOf(tools: Tools, scratch: Scratch, { account, cwd, words }: TracedCommand): readonly Buffer[] {
  const tracer = [tools.strace, ...STRACE_OPTIONS, '-o', scratch.fifos.trace.there, '--'];
  const root = [tools.unshare, `--root=${scratch.root}`, `--wd=${cwd}`, '--'];
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, `--groups=${account.groups.join(',')}`];
  const capabilities = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
  const user = [tools.setpriv, ...ids, ...capabilities, '--no-new-privs', '--'];
  // The first setpriv has root's capabilities when it executes something; the second one must not, since the user's permission
  // to execute the command counts.
  const unprivileged = [tools.setpriv, '--no-new-privs', '--'];
  const before = [...scratch.namespaces.enter, ...tracer, ...root, ...user, ...unprivileged];
  return [...before.map((word) => Buffer.from(word)), ...words];
}

function openFifo(path: string) {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY); // the stream does not end as long as there is a writer
  const stream = new Socket({ fd, readable: true, writable: false });
  stream.on('error', () => {}); // closed then
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  // waits until everything is read; to be called when nobody else has it open for writing
  function end(): Promise<void> {
    closeSync(writer);
    return closed;
  }
  return { stream, writer, end };
}
