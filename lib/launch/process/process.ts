// A program in its jail, for whoever knows Node's ChildProcess.
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

import type { ResourceUsage } from '../../errors.ts';
import { native, type ProcessHandle } from '../../native.ts';
import { quote } from '../../quote.ts';
import { Pipes } from './pipes.ts';
import { signalName, signalNumber } from '../request/signal.ts';
import type { Stdio, StdioTriple, StreamOf } from '../request/stdio.ts';

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
  readonly leaveDescendants: boolean;
}

interface ProcessEvents {
  exit: [exitCode: number | null, signal: NodeJS.Signals | null];
  close: [exitCode: number | null, signal: NodeJS.Signals | null];
}

/**
 * A running program. Emits `exit` when it has ended and `close` when its pipes have ended too. Streams are made when they
 * are first asked for, and read when somebody reads them; what is not read is kept, and does not hold `close` up.
 * `Wanted` is what its request said of `stdio`, and tells which streams there are.
 */
// `out`: without it the compiler takes one for any other.
export class JailedProcess<out Wanted extends Stdio = Stdio>
  extends EventEmitter<ProcessEvents>
  implements AsyncDisposable
{
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
  readonly #pipes: Pipes;
  readonly #killSignal: number;
  readonly #forceKillAfterMs: number | undefined;
  readonly #leaveDescendants: boolean;
  #isStopping = false;
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
    this.#pipes = new Pipes(handle, options.stdio);
    this.#killSignal = options.killSignal;
    this.#forceKillAfterMs = options.forceKillAfterMs;
    this.#leaveDescendants = options.leaveDescendants;
  }

  /** For `spawnInJail`: the program has ended. Listeners run at once, so that what they throw is an uncaught exception. */
  finish(exit: Exit): void {
    this.#ended = true;
    clearTimeout(this.#forceKill);
    // The rest has had the same signal, and may ignore it.
    if (this.#isStopping) this.#killGroup(constants.signals.SIGKILL);
    this.exitCode = exit.exitCode;
    this.signalCode = exit.signal;
    this.#resolveExited(exit);
    this.#emitExit(exit);
  }

  /** For `spawnInJail`: ends the program and its process group, and says why. */
  stop(reason: StopReason): void {
    // the program has ended, and something that it has started holds its pipes
    if (this.#ended) return this.#killGroup(constants.signals.SIGKILL);
    this.stopped ??= reason;
    return this.#stop();
  }

  /** For `runInJail`: SIGKILL for the program and its process group. @returns whether the program was still there */
  cutOff(): boolean {
    this.#isStopping = true;
    this.killed = true;
    this.#killGroup(constants.signals.SIGKILL);
    return !this.#ended;
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
  get stdin(): StreamOf<Wanted, 0, Writable> {
    return this.#pipes.stream(0) as StreamOf<Wanted, 0, Writable>;
  }

  /** Readable end of its standard output; null unless it is a pipe. */
  get stdout(): StreamOf<Wanted, 1, Readable> {
    return this.#pipes.stream(1) as StreamOf<Wanted, 1, Readable>;
  }

  /** Readable end of its standard error; null unless it is a pipe. */
  get stderr(): StreamOf<Wanted, 2, Readable> {
    return this.#pipes.stream(2) as StreamOf<Wanted, 2, Readable>;
  }

  get stdio(): readonly [
    StreamOf<Wanted, 0, Writable>,
    StreamOf<Wanted, 1, Readable>,
    StreamOf<Wanted, 2, Readable>,
  ] {
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
    this.#pipes.isHeld = true;
    return this;
  }

  /** Lets the event loop end while the program runs. */
  unref(): this {
    native.keepAlive(this.#handle, false);
    this.#pipes.isHeld = false;
    return this;
  }

  /**
   * Ends the program and its process group (`killSignal`; SIGKILL after `forceKillAfterMs` or 5 s) and waits for it. What is
   * left in the group of one that has ended by itself gets SIGKILL, unless it may go on.
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
    // A program that ignores the signal, or that somebody holds with SIGSTOP, must not outlast its timeout.
    this.#killLater(this.#forceKillAfterMs ?? defaultForceKillAfterMs);
  }

  // Where it has no group of its own, the program alone.
  #killGroup(signal: number): void {
    native.killGroup(this.#handle, signal);
  }

  #killLater(delayMs: number): void {
    this.#forceKill ??= setTimeout(() => {
      if (this.#isStopping) this.#killGroup(constants.signals.SIGKILL);
      else native.killProcess(this.#handle, constants.signals.SIGKILL);
    }, delayMs);
  }

  #emitExit({ exitCode, signal }: Exit): void {
    this.#pipes.end();
    try {
      this.emit('exit', exitCode, signal);
    } finally {
      this.#pipes.whenEnded(() => {
        // Whoever has written into the pipes until now was waited for.
        if (this.#pipes.any || this.#leaveDescendants) native.release(this.#handle, !this.#leaveDescendants);
        this.emit('close', exitCode, signal);
      });
    }
  }
}
