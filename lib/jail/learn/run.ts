// Runs a command in a scratch copy under strace, and reads the trace as it comes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';

import { bytePath } from '../../binary/path.ts';
import type { LearnAccount } from './account.ts';
import type { Scratch } from './scratch.ts';
import { keepLast, type Tools } from './tool.ts';
import { openTraceReader, STRACE_OPTIONS, type Trace } from './trace.ts';

export interface TracedCommand {
  readonly words: readonly Buffer[];
  readonly account: LearnAccount;
  /** Working directory in the copy. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Not aborted yet. */
  readonly signal: AbortSignal | undefined;
}

export interface TracedRun {
  readonly trace: Trace;
  readonly timedOut: boolean;
  /** Its last few thousand bytes. */
  readonly stderr: string;
}

/** From SIGTERM to SIGKILL. */
const GRACE_MS = 2000;

// A size of the end of stderr: what a person would read of it.
const STDERR_BYTES = 4096;

/**
 * Runs the command to its end or to the end of its time, and then ends the copy. strace itself stays outside of the copy and
 * is root's, so that the command cannot stop it. The command is in a session of its own, so that it has no
 * terminal to put words into; it reads and writes /dev/null, and its stderr is kept.
 */
export async function runTraced(tools: Tools, scratch: Scratch, command: TracedCommand): Promise<TracedRun> {
  const { namespaces, fifos } = scratch;
  const reader = openTraceReader(bytePath(scratch.root), WRAPPERS);
  const trace = openFifo(fifos.trace.here);
  trace.stream.on('data', (chunk: Buffer) => reader.push(chunk));
  const errors = openFifo(fifos.stderr.here);
  const stderr = keepLast(errors.stream, STDERR_BYTES);

  let timedOut = false;
  let timers: readonly NodeJS.Timeout[] = [];
  const onAbort = (): void => void namespaces.close();
  command.signal?.addEventListener('abort', onAbort);
  try {
    const child = startAlone(wordsOf(tools, scratch, command), command.env, errors.writer);
    const exit = once(child, 'exit');
    child.stdin?.on('error', () => {}); // seen by its exit
    child.stdin?.end(Buffer.concat(command.words.flatMap((word) => [word, Buffer.alloc(1)])));
    const terminate = (): void => {
      timedOut = true;
      namespaces.terminateTraced();
    };
    timers = [
      setTimeout(terminate, command.timeoutMs),
      setTimeout(() => void namespaces.close(), command.timeoutMs + GRACE_MS),
    ];
    await exit;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    command.signal?.removeEventListener('abort', onAbort);
    await namespaces.close();
    await Promise.all([trace.end(), errors.end()]);
  }
  return { trace: reader.finish(), timedOut, stderr: stderr() };
}

// Programs that strace sees executed before the command: unshare, setpriv and setpriv.
const WRAPPERS = 3;

function wordsOf(tools: Tools, scratch: Scratch, { account, cwd, words }: TracedCommand): readonly string[] {
  const tracer = [tools.strace, ...STRACE_OPTIONS, '-o', scratch.fifos.trace.there, '--'];
  const root = [tools.unshare, `--root=${scratch.root}`, `--wd=${cwd}`, '--'];
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, `--groups=${account.groups.join(',')}`];
  const capabilities = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all'];
  const user = [tools.setpriv, ...ids, ...capabilities, '--no-new-privs', '--'];
  // The first one still has root's capabilities when it executes something, though it be a file that the user may not read.
  const unprivileged = [tools.setpriv, '--no-new-privs', '--'];
  // An argument of spawn is UTF-8; xargs takes any, and all of them together or none.
  const reader = [tools.xargs, '-0', '-x', '-n', String(words.length), '--'];
  return [...scratch.namespaces.enter, ...reader, ...tracer, ...root, ...user, ...unprivileged];
}

// In a session of its own; with descriptors 0 to 2 only, others that this process was started with and would pass on
// become /dev/null.
function startAlone(
  [file = '', ...args]: readonly string[],
  env: TracedCommand['env'],
  stderr: number,
): ChildProcess {
  const nowhere = openSync('/dev/null', constants.O_RDWR);
  try {
    const stdio: (number | 'pipe' | 'ignore')[] = ['pipe', 'ignore', stderr];
    for (const fd of inheritableFds()) {
      while (stdio.length < fd) stdio.push('ignore'); // nothing is opened for these
      stdio[fd] = nowhere;
    }
    return spawn(file, args, { stdio, env, detached: true });
  } finally {
    closeSync(nowhere);
  }
}

// Those above 2 without FD_CLOEXEC, which Node sets on all of its own (proc_pid_fdinfo(5)).
function inheritableFds(): readonly number[] {
  const O_CLOEXEC = 0o2000000;
  return readdirSync('/proc/self/fdinfo')
    .map(Number)
    .filter((fd) => fd > 2 && (flagsOf(fd) & O_CLOEXEC) === 0)
    .toSorted((a, b) => a - b);
}

function flagsOf(fd: number): number {
  try {
    const [, flags = ''] =
      /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    return Number.parseInt(flags, 8);
  } catch {
    return -1; // closed by now, as that of the listing itself
  }
}

interface OpenFifo {
  readonly stream: Socket;
  /** A descriptor for writing. */
  readonly writer: number;
  /** To be called when nobody else has it open for writing: everything has been read then. */
  end(): Promise<void>;
}

function openFifo(path: string): OpenFifo {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY); // as long as there is one the fifo has no end
  const stream = new Socket({ fd, readable: true, writable: false });
  stream.on('error', () => {}); // closed then
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return {
    stream,
    writer,
    end: () => {
      closeSync(writer);
      return closed;
    },
  };
}
