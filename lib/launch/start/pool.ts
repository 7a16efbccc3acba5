// A pool of programs that live long. Each reads one line of JSON for a request, and writes one for its answer:
//   {"id": 1, "data": …}  ->  {"id": 1, "result": …} or {"id": 1, "error": "text"}
import { AbortError, ExitError, UsageError } from '../../errors.ts';
import { PoolError } from './pool-error.ts';
import { checkSignal, reading } from '../../values/keys.ts';
import { wrong } from '../../values/wrong.ts';
import { quote } from '../../words/quote.ts';
import type { JailedProcess, StopReason } from '../process/process.ts';
import type { JailSpawnRequest } from '../request/jail-rows.ts';
import { normalizePool, type PoolOptions, type PoolRequest } from '../request/pool-rows.ts';
import { abortError, awaitStop, stopError } from './abort-or-timeout.ts';
import { howEnded, lastLines } from './run.ts';

type Child = JailedProcess<'pipe'>;
/** Starts a program; the signal is for the time before its first request. */
type Start = (signal: AbortSignal) => Promise<Child>;

interface Ask {
  readonly text: string;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the wait for a program. */
  readonly leave: () => void;
}

const mostStderrBytes = 2048;
const graceMs = 1000;

// JSON.stringify() returns undefined for a function, and throws for a circle and for a BigInt.
function toJson(data: unknown): string {
  try {
    const text = JSON.stringify(data) as string | undefined;
    if (text !== undefined) return text;
  } catch (cause) {
    throw new UsageError('the data cannot be written as JSON', { cause });
  }
  throw wrong({ key: 'data', value: data, expected: 'a value of JSON', example: null });
}

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

const textOf = (error: unknown): string => (typeof error === 'string' ? error : JSON.stringify(error));

// What a program writes is not trusted: a line that is not the answer says nothing.
function readAnswer(line: string, id: number): Answer | undefined {
  try {
    const said = JSON.parse(line) as Answer | null;
    return typeof said === 'object' && said?.id === id ? said : undefined;
  } catch {
    return undefined;
  }
}

class Program {
  readonly #child: Child;
  readonly #lines: AsyncIterator<string, void>;
  readonly #begunAt = performance.now();
  #errors = Buffer.alloc(0);
  #stopped: StopReason | undefined;
  answers = 0;
  hasEnded = false;

  constructor(child: Child) {
    this.#child = child;
    this.#lines = child[Symbol.asyncIterator]();
    child.once('exit', () => {
      this.hasEnded = true;
      // A descendant outside of its group may hold the pipe. What the program has written itself is read before.
      setTimeout(() => setImmediate(() => child.stdout.destroy()), graceMs).unref();
    });
    child.stdin.on('error', () => {}); // EPIPE: the end of the program says more
    child.stderr.on('error', () => {});
    child.stderr.on('data', (chunk: Buffer) => {
      this.#errors = Buffer.concat([this.#errors, chunk]).subarray(-mostStderrBytes);
    });
  }

  /** Otherwise the requests of a program that answers without reading would pile up. */
  get hasReadAll(): boolean {
    return this.#child.stdin.writableLength === 0;
  }

  async answer(text: string, signal: AbortSignal | undefined): Promise<unknown> {
    const id = ++this.answers;
    this.#child.stdin.write(`{"id":${id},"data":${text}}\n`);
    for (;;) {
      const line = await this.#nextLine();
      if (line === undefined) throw await this.#endError(signal);
      const said = readAnswer(line, id);
      if (said === undefined) continue;
      if (!('error' in said)) return said.result;
      throw new PoolError(
        `the program answers: ${quote(textOf(said.error).slice(0, mostStderrBytes))}`,
        'ERR_ANSWER',
      );
    }
  }

  async #nextLine(): Promise<string | undefined> {
    try {
      const { value, done } = await this.#lines.next();
      return done === true ? undefined : value;
    } catch (error) {
      if (error instanceof ExitError) throw error; // a line that is too long
      return undefined; // destroyed, below
    }
  }

  stop(reason: StopReason): void {
    this.#stopped ??= reason;
    this.#child.cutOff();
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#child[Symbol.asyncDispose]();
    this.#child.stdout.destroy(); // nobody has read its end
  }

  async #endError(signal: AbortSignal | undefined): Promise<Error> {
    // It has closed its standard output: no answer can come. At the end of a program its status comes a moment later.
    const late = setTimeout(() => this.#child.cutOff(), graceMs);
    const exit = await this.#child.exited;
    clearTimeout(late);
    const { spawnfile, pid } = this.#child;
    const stopped = this.#stopped ?? this.#child.stopped;
    const limit = exit.limit ?? (stopped === 'ETIMEDOUT' ? 'time' : undefined);
    const why =
      stopped === 'ABORT_ERR'
        ? 'the request was aborted'
        : limit === undefined
          ? 'no answer'
          : `the limit of ${limit} is reached`;
    const message = [`${spawnfile}: ${why} (${howEnded(exit)})`, ...lastLines(this.#errors)].join('\n');
    const ended = {
      ...exit,
      ...(limit === undefined ? {} : { limit }),
      stdout: '',
      stderr: this.#errors.toString(),
      pid,
      durationMs: performance.now() - this.#begunAt,
      timedOut: stopped === 'ETIMEDOUT',
      isCanceled: stopped === 'ABORT_ERR',
    };
    if (stopped === 'ABORT_ERR') return new AbortError(message, signal, { ended });
    return new ExitError(message, stopped ?? (exit.signal === null ? 'ERR_EXIT' : 'ERR_SIGNAL'), ended);
  }
}

/** Programs of an open jail that answer requests, made by `jail.pool()`. A program has one request at a time. */
export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #start: Start;
  readonly #queue: Ask[] = [];
  readonly #lanes = new Set<Promise<void>>();
  // the last one was busy most recently
  readonly #idle: (() => void)[] = [];
  // lanes that have been woken, and have not taken their request yet
  #woken = 0;
  #isClosed = false;

  /** Made by `jail.pool`. */
  constructor(options: PoolOptions, start: Start) {
    this.#options = options;
    this.#start = start;
  }

  /** How many requests wait for a program. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Sends data to a program, and resolves with its answer. No request is sent twice.
   *
   * @param data a value of JSON
   * @param options an AbortSignal; a program that works on the request gets SIGKILL
   * @throws UsageError for data that JSON cannot hold
   * @throws PoolError ERR_BUSY if `maxWaiting` requests wait, ERR_CLOSED after `close()`, ERR_ANSWER if the program answers with an error
   * @throws ExitError if the program ends, or takes longer than `answerTimeoutMs` (ETIMEDOUT)
   * @throws AbortError if the signal is aborted
   * @throws LaunchError if the program could not be started
   */
  async ask(data: unknown, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<unknown> {
    checkSignal(signal);
    const text = toJson(data);
    if (this.#isClosed) throw new PoolError('the pool has been closed', 'ERR_CLOSED');
    if (signal?.aborted === true) throw abortError(signal);
    const { size, maxWaiting } = this.#options;
    if (this.#queue.length - this.#woken - this.#idle.length - (size - this.#lanes.size) >= maxWaiting)
      throw new PoolError(
        `${this.#queue.length} requests wait already`,
        'ERR_BUSY',
        'raise maxWaiting or size',
      );
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(ask), 1);
        reject(abortError(signal));
      };
      const leave = awaitStop({ signal, timeoutMs: undefined, requestedAt: 0 }, onAbort);
      const ask: Ask = { text, signal, resolve, reject, leave };
      this.#queue.push(ask);
      this.#wake();
    });
  }

  /** Takes no more requests, answers those that it has, and ends the programs: end of their input, and `killSignal`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#idle.length > 0) this.#wake();
    await Promise.all(this.#lanes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #wake(): void {
    const wake = this.#idle.pop();
    if (wake !== undefined) {
      this.#woken++;
      return wake();
    }
    if (this.#lanes.size >= this.#options.size) return undefined;
    const lane = this.#lane().finally(() => this.#lanes.delete(lane));
    this.#lanes.add(lane);
    return undefined;
  }

  // One program after the other, each with one request after the other.
  async #lane(): Promise<void> {
    let program: Program | undefined;
    for (;;) {
      const ask = this.#queue.shift();
      if (ask !== undefined) program = await this.#serve(ask, program);
      else if (this.#isClosed) break;
      else {
        await new Promise<void>((wake) => this.#idle.push(wake));
        this.#woken--;
      }
    }
    await program?.end();
  }

  /** @returns the program for the next request; undefined if another one must be started */
  async #serve({ text, signal, resolve, reject, leave }: Ask, idle?: Program): Promise<Program | undefined> {
    leave();
    const { answerTimeoutMs, maxAnswers } = this.#options;
    let stopped: StopReason | undefined;
    const start = new AbortController();
    if (idle?.hasEnded === true) await idle.end();
    let program = idle?.hasEnded === true ? undefined : idle;
    const options = { signal, timeoutMs: answerTimeoutMs, requestedAt: performance.now() };
    const clear = awaitStop(options, (reason) => {
      stopped = reason;
      start.abort();
      program?.stop(reason);
    });
    try {
      program ??= new Program(await this.#start(start.signal));
      if (stopped !== undefined) program.stop(stopped);
      resolve(await program.answer(text, signal));
      if (program.answers < maxAnswers && program.hasReadAll) return program;
    } catch (error) {
      reject(
        program === undefined && stopped !== undefined
          ? stopError(stopped, options, 'answerTimeoutMs')
          : error,
      );
      if (error instanceof PoolError && program?.hasReadAll === true && program.answers < maxAnswers)
        return program;
    } finally {
      clear();
    }
    await program?.end();
    return undefined;
  }
}

/** A pool of programs of an open jail. @throws UsageError */
export function openPool(
  request: PoolRequest,
  prepare: (spawn: JailSpawnRequest) => {
    readonly spawn: (own: { readonly signal: AbortSignal }) => Promise<Child>;
  },
): Pool {
  const [options, spawn] = reading(() => normalizePool(request));
  const launch = prepare(spawn);
  return new Pool(options, (signal) => launch.spawn({ signal }));
}
