// A program in its jail, for whoever knows Node's ChildProcess.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

import { native, type ProcessHandle } from '../native.ts';
import { quote } from '../quote.ts';
import { takeStream } from './pipe.ts';
import { signalNumber } from './request.ts';
import { signalName } from './signal.ts';
import { piped, type StdioTriple } from './stdio.ts';

/**
 * What a program used, from its own wait status (getrusage(2)). The largest resident set is not among it: the kernel
 * carries that of the starting process over execve (exec_mmap() in fs/exec.c), so that it says nothing of the program.
 */
export interface ResourceUsage {
  /** Time on a CPU in user mode, in milliseconds. */
  readonly userCpuMs: number;
  /** Time on a CPU in the kernel, in milliseconds. */
  readonly systemCpuMs: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** Reads and writes that reached a block device. */
  readonly blockInputs: number;
  readonly blockOutputs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

/** How a program ended. Both are null if somebody else in this process waited for any child and took the status. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly usage: ResourceUsage;
}

// As execa's forceKillAfterDelay: time enough to put things in order.
const defaultForceKillAfterMs = 5000;

/** Why a program was stopped before its end. */
export type StopReason = 'ETIMEDOUT' | 'ABORT_ERR';

/** The exit out of the addon's answer. */
export function toExit(
  exitCode: number | null,
  signal: number | null,
  userCpuMs: number,
  systemCpuMs: number,
  minorFaults: number,
  majorFaults: number,
  blockInputs: number,
  blockOutputs: number,
  voluntarySwitches: number,
  involuntarySwitches: number,
): Exit {
  return {
    exitCode,
    signal: signal === null ? null : signalName(signal),
    usage: {
      userCpuMs,
      systemCpuMs,
      minorFaults,
      majorFaults,
      blockInputs,
      blockOutputs,
      voluntarySwitches,
      involuntarySwitches,
    },
  };
}

/** What a program was started with. */
export interface ProcessOptions {
  readonly stdio: StdioTriple;
  readonly killSignal: number;
  readonly forceKillAfterMs: number | undefined;
}

interface ProcessEvents {
  exit: [exitCode: number | null, signal: NodeJS.Signals | null];
  close: [exitCode: number | null, signal: NodeJS.Signals | null];
}

/**
 * A running program. Emits `exit` when it has ended and `close` when its pipes have ended too. Streams are made when
 * they are first asked for; what is not asked for until the exit is read and dropped, as Node does it.
 */
export class JailedProcess extends EventEmitter<ProcessEvents> implements AsyncDisposable {
  /** Process id; it may be in use again once `exited` has resolved, so send signals by `kill()`. */
  readonly pid: number;
  /** Resolves when the program has ended, and never rejects. */
  readonly exited: Promise<Exit>;
  /** Null while it runs, and if a signal ended it. */
  exitCode: number | null = null;
  /** Name of the signal that ended it, else null. */
  signalCode: NodeJS.Signals | null = null;
  /** True once a signal was sent by `kill()`. */
  killed = false;
  /** Set if the timeout or the AbortSignal has stopped it. */
  stopped: StopReason | undefined;

  readonly #handle: ProcessHandle;
  readonly #program: Buffer;
  readonly #argv: readonly Buffer[];
  readonly #stdio: StdioTriple;
  readonly #streams: [Socket | null, Socket | null, Socket | null] = [null, null, null];
  readonly #killSignal: number;
  readonly #forceKillAfterMs: number | undefined;
  #forceKill: NodeJS.Timeout | undefined;
  #resolveExited: (exit: Exit) => void = () => {};
  #ended = false;

  /** Made by `spawnInJail`. */
  constructor(
    pid: number,
    handle: ProcessHandle,
    { program, argv }: { readonly program: Buffer; readonly argv: readonly Buffer[] },
    options: ProcessOptions,
  ) {
    super();
    this.pid = pid;
    this.#handle = handle;
    this.#program = program;
    this.#argv = argv;
    this.exited = new Promise((resolve) => (this.#resolveExited = resolve));
    this.#stdio = options.stdio;
    this.#killSignal = options.killSignal;
    this.#forceKillAfterMs = options.forceKillAfterMs;
  }

  /** For `spawnInJail`: the program has ended. Listeners run at once, so that what they throw is an uncaught exception. */
  finish(exit: Exit): void {
    this.#ended = true;
    clearTimeout(this.#forceKill);
    this.exitCode = exit.exitCode;
    this.signalCode = exit.signal;
    this.#resolveExited(exit);
    this.#emitExit(exit);
  }

  /** For `spawnInJail`: ends the program, and says why. */
  stop(reason: StopReason): void {
    if (this.#ended) return;
    this.stopped ??= reason;
    this.kill();
    // A program that ignores the signal, or that somebody holds with SIGSTOP, must not outlast its timeout.
    this.#killLater(this.#forceKillAfterMs ?? defaultForceKillAfterMs);
  }

  /** The program as it was executed. */
  get spawnfile(): string {
    return quote(this.#program);
  }

  /** Its argv. */
  get spawnargs(): readonly string[] {
    return this.#argv.map((argument) => argument.toString());
  }

  /** Writable end of the program's standard input; null unless it is a pipe. */
  get stdin(): Writable | null {
    return this.#stream(0);
  }

  /** Readable end of its standard output; null unless it is a pipe. */
  get stdout(): Readable | null {
    return this.#stream(1);
  }

  /** Readable end of its standard error; null unless it is a pipe. */
  get stderr(): Readable | null {
    return this.#stream(2);
  }

  get stdio(): readonly [Writable | null, Readable | null, Readable | null] {
    return [this.stdin, this.stdout, this.stderr];
  }

  /**
   * Sends a signal, `killSignal` of the request (SIGTERM) by default, to the program and to nothing that may have its pid
   * later; 0 only asks whether it is there. With `forceKillAfterMs`, SIGKILL follows a `killSignal` that has not ended it.
   *
   * @returns whether the signal could be sent
   * @throws UsageError for a signal that does not exist
   */
  kill(signal: NodeJS.Signals | number = this.#killSignal): boolean {
    const number = signalNumber(signal, 'kill');
    if (this.#ended || native.killProcess(this.#handle, number) !== 0) return false;
    if (number !== 0) this.killed = true;
    if (number === this.#killSignal && this.#forceKillAfterMs !== undefined)
      this.#killLater(this.#forceKillAfterMs);
    return true;
  }

  /** Keeps the event loop alive for the program, which is the default. */
  ref(): this {
    native.keepAlive(this.#handle, true);
    return this;
  }

  /** Lets the event loop end while the program runs. */
  unref(): this {
    native.keepAlive(this.#handle, false);
    return this;
  }

  /** Ends the program (`kill()`, and SIGKILL if it is still there after `forceKillAfterMs` or 5 s) and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      this.kill();
      this.#killLater(this.#forceKillAfterMs ?? defaultForceKillAfterMs);
    }
    await this.exited;
  }

  #killLater(delayMs: number): void {
    this.#forceKill ??= setTimeout(
      () => native.killProcess(this.#handle, constants.signals.SIGKILL),
      delayMs,
    );
  }

  #stream(fd: 0 | 1 | 2): Socket | null {
    if (this.#stdio[fd] !== piped) return null;
    this.#streams[fd] ??= takeStream(this.#handle, fd);
    return this.#streams[fd];
  }

  #emitExit({ exitCode, signal }: Exit): void {
    if (!this.#stdio.includes(piped)) {
      this.emit('exit', exitCode, signal);
      this.emit('close', exitCode, signal);
      return;
    }
    const untouched = this.#streams.map((stream) => stream === null);
    const streams = this.stdio.filter((stream) => stream !== null);
    let open = streams.filter((stream) => !stream.closed).length;
    const closed = (): void => {
      if (open-- === 0) this.emit('close', exitCode, signal);
    };
    for (const stream of streams) {
      if (!stream.closed) stream.once('close', closed);
    }
    this.stdin?.destroy();
    this.emit('exit', exitCode, signal);
    // Nobody reads: drop it, or the pipe never ends. A reader that comes with `exit` has had its chance.
    for (const fd of [1, 2] as const) {
      const stream = this.#streams[fd];
      if (untouched[fd] === true || stream?.readableFlowing === null) stream?.resume();
    }
    closed();
  }
}
