// A program that runs beside this process, like Node's ChildProcess.
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

import { UsageError, type Denied, type LimitName } from '../../errors.ts';
import { native, type ProcessHandle } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import type { Launch } from '../plan/launch.ts';
import { signalToSend } from '../request/signal.ts';
import {
  ptyStdio,
  type Joint,
  type PtyOf,
  type Stdio,
  type StdioTriple,
  type StreamOf,
} from '../request/stdio.ts';
import { toSide } from '../request/terminal-rows.ts';
import { toLineError, type Exit } from './exit.ts';
import { join, Pipes } from './pipes.ts';
import { PtyStream } from './pty-stream.ts';
import { linesOf, toRead } from './text-streams.ts';

// As execa's forceKillAfterDelay.
const defaultForceKillAfterMs = 5000;

/** Why a program was stopped. */
export type StopReason = 'ETIMEDOUT' | 'ABORT_ERR';

type Launched = Pick<Launch, 'execve' | 'request'>;

/** The options that a program was started with. */
export interface ProcessOptions {
  readonly stdio: StdioTriple;
  readonly killSignal: number;
  readonly forceKillAfterMs: number | undefined;
  readonly leaveDescendants: boolean;
  readonly requestedAt: number;
}

type Events = Record<'exit' | 'close', [exitCode: number | null, signal: NodeJS.Signals | null]> & {
  readonly denied: [denied: Denied];
};

/**
 * A running program. Emits `exit` when it has ended, and `close` when its pipes have ended too. A stream is made on first use, and
 * read only when somebody reads it. Output that nobody reads is kept and does not delay `close`. `Wanted` is the type of `stdio` in
 * the request, or 'pty': it tells which streams there are.
 */
// `out`: without it, the compiler takes each type of process for any other
export class JailedProcess<out Wanted extends Joint = Joint>
  extends EventEmitter<Events>
  implements AsyncDisposable
{
  /** Process id. It may be in use again once `exited` has resolved, so send signals by `kill()`. */
  readonly pid: number;
  /** Resolves when the program has ended, and never rejects. */
  readonly exited: Promise<Exit>;
  /** Null while it runs, and when a signal ended it. */
  exitCode: number | null = null;
  /** Name of the signal that ended it; else null. */
  signalCode: NodeJS.Signals | null = null;
  /** The limit that ended it; undefined while it runs, and if none did. */
  limit: LimitName | undefined;
  /** True once `kill()` has sent a signal. */
  killed = false;
  /** Set when the timeout or the AbortSignal has stopped it. */
  stopped: StopReason | undefined;
  /** What it was refused: with `connectTo` so far, with `reportDenials` once it has ended. Each is an event `denied`, too. */
  readonly denied: Denied[] = [];
  /** When its launch was asked for, or left the queue of `concurrency`, by performance.now(). */
  readonly requestedAt: number;

  readonly #handle: ProcessHandle;
  readonly #launch: Launched;
  readonly #pipes: Pipes;
  readonly #pty: PtyStream | null;
  readonly #killSignal: number;
  readonly #forceKillAfterMs: number | undefined;
  readonly #leaveDescendants: boolean;
  #isStopping = false;
  #forceKill: NodeJS.Timeout | undefined;
  #resolveExited: (exit: Exit) => void = () => {};
  #ended = false;

  /** Made by `spawnInJail`. */
  constructor(pid: number, handle: ProcessHandle, launch: Launched, options: ProcessOptions) {
    super();
    this.pid = pid;
    this.#handle = handle;
    this.#launch = launch;
    this.exited = new Promise((resolve) => (this.#resolveExited = resolve));
    this.#pipes = new Pipes(handle, options.stdio);
    this.#pty = options.stdio === ptyStdio ? new PtyStream(handle) : null;
    this.#killSignal = options.killSignal;
    this.#forceKillAfterMs = options.forceKillAfterMs;
    this.#leaveDescendants = options.leaveDescendants;
    this.requestedAt = options.requestedAt;
  }

  /** For `spawnInJail`: the program has ended. Listeners run at once: an error that they throw is an uncaught exception. */
  finish(exit: Exit): void {
    this.#ended = true;
    clearTimeout(this.#forceKill);
    // The other processes of the group have got the same signal, but may ignore it. After a limit, all of them must end.
    if (this.#isStopping || exit.limit !== undefined) this.#killGroup(constants.signals.SIGKILL);
    this.exitCode = exit.exitCode;
    this.signalCode = exit.signal;
    this.limit = exit.limit;
    this.#pty?.finish();
    this.#resolveExited(exit);
    this.#emitExit(exit);
  }

  /** For `spawnInJail`: ends the program and its process group, and keeps the reason. */
  stop(reason: StopReason): void {
    // the program has ended, but a descendant holds its pipes
    if (this.#ended) return this.#killGroup(constants.signals.SIGKILL);
    this.stopped ??= reason;
    return this.#stop();
  }

  /** For `runInJail`: SIGKILL for the program and its process group. @returns whether the program had not ended */
  cutOff(): boolean {
    this.#isStopping = true;
    this.killed = true;
    this.#killGroup(constants.signals.SIGKILL);
    return !this.#ended;
  }

  /** Path of the program in the jail. */
  get spawnfile(): string {
    return quote(this.#launch.execve.program);
  }

  /** Its argv. */
  get spawnargs(): readonly string[] {
    return this.#launch.execve.argv.map((argument) => argument.toString());
  }

  /** Stream to the program's standard input; null unless that is a pipe. */
  get stdin(): StreamOf<Wanted, 0, Writable> {
    return this.#pipes.stream(0) as StreamOf<Wanted, 0, Writable>;
  }

  /** Stream from its standard output; null unless that is a pipe. */
  get stdout(): StreamOf<Wanted, 1, Readable> {
    return this.#pipes.stream(1) as StreamOf<Wanted, 1, Readable>;
  }

  /** Stream from its standard error; null unless that is a pipe. */
  get stderr(): StreamOf<Wanted, 2, Readable> {
    return this.#pipes.stream(2) as StreamOf<Wanted, 2, Readable>;
  }

  /**
   * Stream of the pseudo-terminal, for what the program writes and reads; null unless `pty` was asked for. `end()` types the character
   * for the end of the input (Ctrl-D). `destroy()` hangs up: the program gets SIGHUP.
   */
  get pty(): PtyOf<Wanted> {
    return this.#pty as PtyOf<Wanted>;
  }

  /**
   * Gives the pseudo-terminal another size. The program in the foreground gets SIGWINCH.
   *
   * @returns false if the program has ended
   * @throws UsageError for a size that no terminal has, or if there is no pseudo-terminal
   */
  resize(cols: number, rows: number): boolean {
    if (this.#pty === null)
      throw new UsageError('resize: the program has no pty', { hint: 'start it with pty: true' });
    const size = [toSide(cols, 'cols'), toSide(rows, 'rows')] as const;
    return !this.#ended && native.resizeTerminal(this.#handle, ...size) === 0;
  }

  get stdio(): readonly [
    StreamOf<Wanted, 0, Writable>,
    StreamOf<Wanted, 1, Readable>,
    StreamOf<Wanted, 2, Readable>,
  ] {
    return [this.stdin, this.stdout, this.stderr];
  }

  /**
   * The lines of its standard output, without their ends `\n` and `\r\n`. Whoever leaves the loop early closes the pipe.
   * @throws UsageError if the output has been read already
   * @throws ExitError ERR_MAX_BUFFER if a line has more than 16 MiB; the program gets SIGKILL
   */
  [Symbol.asyncIterator](): AsyncGenerator<string, void> {
    return linesOf(toRead(this.#pipes.stream(1)), () => {
      this.cutOff();
      return this.exited.then((exit) => toLineError(this, exit, performance.now() - this.requestedAt));
    });
  }

  /**
   * Joins its standard output to the standard input of another program, as a shell does with `|`.
   *
   * @returns the other program
   */
  pipe<Other extends Stdio>(to: JailedProcess<Other>): JailedProcess<Other> {
    if (!(to instanceof JailedProcess))
      throw new UsageError('pipe: it takes another program', { hint: 'write child.stdout.pipe(STREAM)' });
    const { stdin } = to;
    if (stdin === null)
      throw new UsageError('pipe: the standard input of the other program is no pipe', {
        hint: "start it with stdio: ['pipe', 'pipe', 'pipe']",
      });
    join(toRead(this.#pipes.stream(1)), stdin);
    return to;
  }

  /**
   * Sends a signal to the program, by default `killSignal` of the request (SIGTERM), and never to another process that has got its
   * pid. 0 only asks whether it is there. With `forceKillAfterMs`, SIGKILL follows a `killSignal` that has not ended it.
   *
   * @returns whether the signal could be sent
   * @throws UsageError for a signal that does not exist, and for SIGSTOP to a program with a pid namespace
   */
  kill(signal: NodeJS.Signals | number = this.#killSignal): boolean {
    const number = signalToSend(signal, this.#launch.request);
    if (this.#ended || native.killProcess(this.#handle, number) !== 0) return false;
    if (number !== 0) this.killed = true;
    if (number === this.#killSignal && this.#forceKillAfterMs !== undefined)
      this.#killLater(this.#forceKillAfterMs);
    return true;
  }

  /** The event loop stays alive while the program runs. This is the default. */
  ref(): this {
    native.keepAlive(this.#handle, true);
    this.#pipes.isHeld = true;
    return this;
  }

  /** The event loop may end while the program runs; but a `timeoutMs` holds it until then. */
  unref(): this {
    native.keepAlive(this.#handle, false);
    this.#pipes.isHeld = false;
    return this;
  }

  /**
   * Ends the program and its process group (`killSignal`; SIGKILL after `forceKillAfterMs` or 5 s) and waits for it. If the program
   * has ended already, the rest of its group gets SIGKILL, unless `leaveDescendants` was set.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#stop();
    else if (!this.#leaveDescendants) this.#killGroup(constants.signals.SIGKILL);
    await this.exited;
  }

  #stop(): void {
    this.#isStopping = true;
    this.killed = true;
    this.#killGroup(this.#killSignal);
    // a program that ignores the signal, or that somebody has stopped with SIGSTOP, must not outlast its timeout
    this.#killLater(this.#forceKillAfterMs ?? defaultForceKillAfterMs);
  }

  // without a group of its own, only the program
  #killGroup(signal: number): void {
    native.killGroup(this.#handle, signal);
  }

  #killLater(delayMs: number): void {
    this.#forceKill ??= setTimeout(() => {
      if (this.#isStopping) this.#killGroup(constants.signals.SIGKILL);
      else native.killProcess(this.#handle, constants.signals.SIGKILL);
    }, delayMs);
  }

  // `close` is emitted when all pipes with a reader have ended.
  #whenRead(onRead: () => void): void {
    const pty = this.#pty;
    if (pty === null) return this.#pipes.whenEnded(onRead);
    if (pty.readableFlowing === null || pty.closed) return onRead();
    pty.once('close', onRead);
    return undefined;
  }

  #emitExit({ exitCode, signal }: Exit): void {
    this.#pipes.end();
    try {
      this.emit('exit', exitCode, signal);
    } finally {
      this.#whenRead(() => {
        // until now the rest of the group was able to write into the pipes
        if (this.#pipes.any || this.#leaveDescendants) native.release(this.#handle, !this.#leaveDescendants);
        this.emit('close', exitCode, signal);
      });
    }
  }
}
