// Running a program to its end, with what it wrote.
import { UsageError, type ExitDetails } from '../../errors.ts';
import { reading } from '../../keys.ts';
import { copyBytes, type Bytes } from '../../quote.ts';
import { toEndError, whatWasMissing } from '../process/ended.ts';
import type { Exit, JailedProcess, StopReason } from '../process/process.ts';
import { normalize, type NormalRequest } from '../request/request.ts';
import { launchBeside, normalizeSpawn, spawnKeys, type SpawnRequest } from './spawn.ts';
import type { NormalSpawn } from './start.ts';
import type { Stdio } from '../request/stdio.ts';

/** How output is handed over: as text, or as bytes. */
export type Encoding = BufferEncoding | 'buffer';

/** What output is with an encoding. */
export type OutputOf<Coding extends Encoding> = Coding extends 'buffer' ? Buffer : string;

/** A SpawnRequest for a program whose end is awaited. Standard input is /dev/null by default. */
export interface RunRequest<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
> extends SpawnRequest<Wanted> {
  /** Written to the program's standard input, which then ends. */
  readonly input?: Bytes | undefined;
  /** The most that stdout, and the most that stderr, may hold; the program is stopped beyond. Default 16 MiB. */
  readonly maxBufferBytes?: number | undefined;
  /** Of stdout and stderr in the result; `buffer` for a Buffer. Default `utf8`. */
  readonly encoding?: Coding | undefined;
  /** Default true: anything but exit status 0 rejects. */
  readonly reject?: boolean | undefined;
}

/** What made this process stop the program. */
export type Stopped = StopReason | 'ERR_MAX_BUFFER';

/** How a program ended and what it wrote. */
export interface RunResult<Output extends string | Buffer = string | Buffer> extends ExitDetails<Output> {
  /** Only with `reject: false`: why it was stopped, if it was. */
  readonly stopped?: Stopped;
}

/** Keys of a RunRequest that a SpawnRequest has not. */
export const runOnlyKeys: readonly string[] = ['input', 'maxBufferBytes', 'encoding', 'reject'];
const runKeys: ReadonlySet<string> = new Set([...spawnKeys, ...runOnlyKeys]);

/** The normal form of what RunRequest adds. */
export interface NormalRun extends NormalSpawn {
  readonly input: Buffer | undefined;
  readonly maxBufferBytes: number;
  readonly encoding: Encoding;
  readonly reject: boolean;
}

/** Checks a RunRequest. @throws UsageError */
export function normalizeRun(request: RunRequest): readonly [NormalRequest, NormalRun] {
  return reading(() => toNormalRun(request));
}

function toNormalRun(request: RunRequest): readonly [NormalRequest, NormalRun] {
  const normal = normalize(request, runKeys);
  const { input, maxBufferBytes = 16 * 2 ** 20, encoding = 'utf8', reject = true } = request;
  if (input !== undefined && typeof input !== 'string' && !(input instanceof Uint8Array)) {
    throw new UsageError('input must be a string or a Uint8Array');
  }
  if (typeof maxBufferBytes !== 'number' || !(maxBufferBytes >= 0)) {
    throw new UsageError('maxBufferBytes must be a number from 0 on, or Infinity');
  }
  if (encoding !== 'buffer' && !Buffer.isEncoding(encoding))
    throw new UsageError(`there is no encoding '${String(encoding)}'`);
  if (typeof reject !== 'boolean') throw new UsageError('reject must be true or false');
  const spawn = normalizeSpawn(request, [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  if (input !== undefined && spawn.stdio[0] !== -2) throw new UsageError("input needs stdio[0] to be 'pipe'");
  return [
    normal,
    { ...spawn, input: input === undefined ? undefined : copyBytes(input), maxBufferBytes, encoding, reject },
  ];
}

function decode(output: Buffer, encoding: Encoding): string | Buffer {
  return encoding === 'buffer' ? output : output.toString(encoding);
}

// One stream's output, until it ends or grows too long.
class Output {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(stream: NodeJS.ReadableStream | null, mostBytes: number, onExcess: () => void) {
    stream?.on('data', (chunk: Buffer) => {
      const room = mostBytes - this.#sizeBytes;
      if (chunk.length > room) {
        if (room > 0) this.#chunks.push(chunk.subarray(0, room));
        this.#sizeBytes = mostBytes;
        return onExcess();
      }
      this.#chunks.push(chunk);
      this.#sizeBytes += chunk.length;
      return undefined;
    });
    // A reader's error ends the stream as its close event does; the exit status tells the rest.
    stream?.on('error', () => {});
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

// What the program has started may hold its pipes for ever: here the timeout and the AbortSignal go on after its end.
function endOfPipes(child: JailedProcess, options: NormalRun): Promise<StopReason | undefined> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve) => {
    const left =
      timeoutMs === undefined
        ? undefined
        : Math.max(0, timeoutMs - (performance.now() - options.requestedAt));
    const timer = left === undefined ? undefined : setTimeout(() => settle('ETIMEDOUT'), left);
    const onAbort = (): void => settle('ABORT_ERR');
    function settle(reason: StopReason | undefined): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(reason);
    }
    signal?.addEventListener('abort', onAbort);
    child.once('close', () => settle(undefined));
  });
}

/** Waits for a started program. */
export async function collect<Coding extends Encoding>(
  child: JailedProcess,
  request: NormalRequest,
  options: NormalRun,
): Promise<RunResult<OutputOf<Coding>>> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // Takes what is there, and goes.
  const letGo = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  let excess = false;
  const onExcess = (): void => {
    excess = true;
    // Somebody else may hold the pipe, and go on writing when the program has ended.
    if (!child.cutOff()) void letGo();
  };
  const stdout = new Output(child.stdout, options.maxBufferBytes, onExcess);
  const stderr = new Output(child.stderr, options.maxBufferBytes, onExcess);
  if (options.input !== undefined) {
    // EPIPE: a program need not read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  }
  const ends = endOfPipes(child, options);
  const exit: Exit = await child.exited;
  const late = excess || child.stopped !== undefined ? undefined : await ends;
  const stopped: Stopped | undefined = excess ? 'ERR_MAX_BUFFER' : (child.stopped ?? late);
  if (late !== undefined) child.stop(late);
  if (stopped !== undefined) await letGo();
  await closed;
  const said = stderr.bytes();
  const ended: RunResult = {
    ...exit,
    stdout: decode(stdout.bytes(), options.encoding),
    stderr: decode(said, options.encoding),
    pid: child.pid,
    durationMs: performance.now() - options.requestedAt,
    timedOut: stopped === 'ETIMEDOUT',
    ...(stopped === undefined ? {} : { stopped }),
  };
  if (options.reject && (exit.exitCode !== 0 || stopped !== undefined)) {
    const program = child.spawnfile;
    const missing = await whatWasMissing(request, request.program ?? Buffer.from(program), ended);
    const args = child.spawnargs.slice(1);
    throw toEndError({ program, args, stderr: said, missing }, ended, options);
  }
  return ended as RunResult<OutputOf<Coding>>;
}

/**
 * Runs a program in a jail to its end, without holding the event loop.
 *
 * @throws UsageError for a bad request; nothing has happened
 * @throws LaunchError if a step failed; the program has not run
 * @throws AbortError if the AbortSignal was aborted; once the program has begun, not if `reject` is false
 * @throws ExitError, unless `reject` is false, if it exited with another status than 0 or was ended by a signal, the
 *   timeout or the size of its output
 */
export async function runInJail<Coding extends Encoding = 'utf8'>(
  request: RunRequest<Coding>,
): Promise<RunResult<OutputOf<Coding>>> {
  const [normal, options] = normalizeRun(request);
  return collect<Coding>(await launchBeside(normal, options), normal, options);
}
