// Running a program to its end: its output, and the error if it fails.
import { AbortError, ExitError, UsageError, type ExitDetails, type LimitName } from '../../errors.ts';
import { reading } from '../../keys.ts';
import { native } from '../../native.ts';
import { didYouMean } from '../../nearest.ts';
import { copyBytes, quote } from '../../quote.ts';
import { whyLimited } from '../process/limit.ts';
import type { JailedProcess, StopReason } from '../process/process.ts';
import { feed, Gathered, isInput, type Input } from '../process/text-streams.ts';
import { normalize, type NormalRequest } from '../request/request.ts';
import { piped, type Stdio } from '../request/stdio.ts';
import { flag } from '../request/value.ts';
import { viewOfJail, type Diagnosis } from '../tell/jail-view.ts';
import { findMissing } from '../tell/preflight.ts';
import { launchBeside, normalizeSpawn, spawnKeys, type SpawnFields, type SpawnRequest } from './spawn.ts';
import { awaitStop, type NormalSpawn } from './start.ts';

/** How output is returned: as text, or as bytes. */
export type Encoding = BufferEncoding | 'buffer';

/** The type of output with an encoding. */
export type OutputOf<Coding extends Encoding> = Coding extends 'buffer' ? Buffer : string;

/** A SpawnRequest for a program that runs to its end. Standard input is /dev/null by default. */
export interface RunRequest<
  Coding extends Encoding = Encoding,
  Wanted extends Stdio = Stdio,
> extends SpawnRequest<Wanted> {
  /** Written to the program's standard input, which then ends: text, bytes, or a stream or iterable of them. */
  readonly input?: Input | undefined;
  /** Limit for stdout, and for stderr: the program is stopped when it writes more. Default 16 MiB. */
  readonly maxBufferBytes?: number | undefined;
  /** Encoding of stdout and stderr in the result; `buffer` for a Buffer. Default `utf8`. */
  readonly encoding?: Coding | undefined;
  /** Whether the last newline of stdout and of stderr is left out of the result. Default false. */
  readonly stripFinalNewline?: boolean | undefined;
  /** Whether the result has `all`, stdout and stderr together. Default false. */
  readonly all?: boolean | undefined;
  /** Whether any end but exit status 0 rejects. Default true. */
  readonly reject?: boolean | undefined;
}

/** Why this process stopped the program. */
export type Stopped = StopReason | 'ERR_MAX_BUFFER';

/** How a program ended, and its output. */
export interface RunResult<Output extends string | Buffer = string | Buffer> extends ExitDetails<Output> {
  /** Only with `reject: false`: why the program was stopped, if it was. */
  readonly stopped?: Stopped;
}

/** Keys of a RunRequest that are not keys of a SpawnRequest. */
export const runOnlyKeys: readonly string[] = [
  'input',
  'maxBufferBytes',
  'encoding',
  'stripFinalNewline',
  'all',
  'reject',
];
/** The keys that normalizeRunOptions() reads. */
export type RunFields = SpawnFields & Omit<RunRequest, keyof SpawnRequest>;

/** Every key of a RunRequest. */
export const runKeys: ReadonlySet<string> = new Set([...spawnKeys, ...runOnlyKeys]);

/** The normal form of what a RunRequest adds to a LaunchRequest. */
export interface NormalRun extends NormalSpawn {
  readonly input: Input | undefined;
  readonly maxBufferBytes: number;
  readonly encoding: Encoding;
  readonly stripFinalNewline: boolean;
  readonly all: boolean;
  readonly reject: boolean;
}

const encodings = ['utf8', 'buffer', 'latin1', 'ascii', 'base64', 'base64url', 'hex', 'ucs2', 'utf16le'];

/** Checks a RunRequest. @throws UsageError */
export function normalizeRun(request: RunRequest): readonly [NormalRequest, NormalRun] {
  return [normalize(request, runKeys), normalizeRunOptions(request)];
}

/** Checks what a RunRequest adds to a LaunchRequest. @throws UsageError */
export function normalizeRunOptions(request: RunFields): NormalRun {
  return reading(() => {
    if (request.pty !== undefined && request.pty !== false)
      throw new UsageError('pty is for spawnInJail, whose caller reads and types', {
        hint: 'runInJail collects stdout and stderr, which are one in a terminal',
      });
    const { input, maxBufferBytes = 16 * 2 ** 20, encoding = 'utf8', reject = true } = request;
    if (input !== undefined && !isInput(input))
      throw new UsageError('input must be a string, a Uint8Array, a stream or an iterable');
    if (typeof maxBufferBytes !== 'number' || !(maxBufferBytes >= 0)) {
      throw new UsageError('maxBufferBytes must be a number from 0 on, or Infinity');
    }
    if (encoding !== 'buffer' && !Buffer.isEncoding(encoding))
      throw new UsageError(`there is no encoding '${String(encoding)}'`, {
        hint: didYouMean(String(encoding), encodings, (name) => `'${name}'`),
      });
    if (typeof reject !== 'boolean') throw new UsageError('reject must be true or false');
    const spawn = normalizeSpawn(request, [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
    if (input !== undefined && spawn.stdio[0] !== piped)
      throw new UsageError("input needs stdio[0] to be 'pipe'");
    return {
      ...spawn,
      // bytes may change before they are written
      input: input instanceof Uint8Array ? copyBytes(input) : input,
      maxBufferBytes,
      encoding,
      stripFinalNewline: flag(request.stripFinalNewline, 'stripFinalNewline'),
      all: flag(request.all, 'all'),
      reject,
    };
  });
}

function decode(output: Buffer, { encoding, stripFinalNewline }: NormalRun): string | Buffer {
  const isEnded = stripFinalNewline && output.at(-1) === 0x0a;
  const taken = isEnded ? output.subarray(0, output.at(-2) === 0x0d ? -2 : -1) : output;
  return encoding === 'buffer' ? taken : taken.toString(encoding);
}

// Another program that it has started may hold its pipes for ever. So timeout and AbortSignal still count after its end.
function endOfPipes(child: JailedProcess, options: NormalRun): Promise<StopReason | undefined> {
  return new Promise((resolve) => {
    const clearStop = awaitStop(options, resolve);
    child.once('close', () => {
      clearStop();
      resolve(undefined);
    });
  });
}

const mostCommandCharacters = 300;
const mostStderrBytes = 2048;
const mostStderrLines = 10;

function word(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument === '' ? '' : quote(argument)}'`;
}

// Program and arguments, as far as they fit in one line.
function commandText(program: string, args: readonly string[]): string {
  let text = program;
  for (const argument of args) {
    const next = word(argument);
    if (text.length + next.length >= mostCommandCharacters) return `${text} …`;
    text += ` ${next}`;
  }
  return text;
}

// The last lines of an output, made safe for a terminal.
function lastLines(output: Buffer): readonly string[] {
  const cut = output.subarray(-mostStderrBytes);
  const lines = cut.toString('latin1').split('\n');
  // the first line has lost its beginning
  if (cut.length < output.length && lines.length > 1) lines.shift();
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-mostStderrLines)
    .map((line) => quote(Buffer.from(line, 'latin1')));
}

function howEnded({ exitCode, signal }: Pick<ExitDetails, 'exitCode' | 'signal'>): string {
  if (signal !== null) return `ended by ${signal}`;
  return exitCode === null ? 'its status was lost' : `exited with status ${exitCode}`;
}

// Loaders and env(1) exit with this when a program cannot start.
const notStarted = 127;

// What was missing in the jail for a program that ended as if a loader had not found its libraries. The jail is opened again, off
// the event loop. Best effort: the failure itself is reported in any case.
async function whatWasMissing(
  request: NormalRequest,
  program: Buffer,
  { exitCode, stdout }: ExitDetails,
): Promise<Diagnosis | undefined> {
  if (exitCode !== notStarted || stdout.length > 0) return undefined;
  const variables = new Map(request.env);
  // the program may find its libraries elsewhere
  if (variables.get('LD_LIBRARY_PATH') !== undefined) return undefined;
  const { jailFd } = await native.readHost({ jail: request.jail });
  if (jailFd < 0) return undefined;
  try {
    const view = viewOfJail(request, jailFd);
    const path = variables.get('PATH');
    return findMissing(view, program, { dlopen: 'none', ...(path !== undefined && { path }) });
  } catch {
    return undefined;
  } finally {
    native.closeJail(jailFd);
  }
}

function whyStopped(stopped: Stopped, { timeoutMs, maxBufferBytes }: NormalRun): string {
  return {
    ETIMEDOUT: `it took longer than ${timeoutMs} ms and was stopped`,
    ABORT_ERR: 'it was aborted',
    ERR_MAX_BUFFER: `it wrote more than maxBufferBytes (${maxBufferBytes}) and was stopped`,
  }[stopped];
}

// The error of a program that failed or was stopped. Below the first line of the message are the last lines of stderr.
function toEndError(
  command: string,
  stderr: Buffer,
  missing: Diagnosis | undefined,
  ended: RunResult,
  request: NormalRequest,
  options: NormalRun,
): ExitError | AbortError {
  const { stopped } = ended;
  const how = `${howEnded(ended)}${missing === undefined ? '' : `: ${missing.message}`}`;
  const why =
    whyLimited(ended.limit, request) ?? (stopped === undefined ? undefined : whyStopped(stopped, options));
  const what = why === undefined ? how : `${why} (${how})`;
  const message = [`${command}: ${what}`, ...lastLines(stderr)].join('\n');
  if (stopped === 'ABORT_ERR') return new AbortError(message, options.signal, { ended });
  const code = stopped ?? (ended.signal === null ? 'ERR_EXIT' : 'ERR_SIGNAL');
  return new ExitError(message, code, ended, missing?.hint);
}

const limitNames: { readonly [why in Stopped]?: LimitName } = { ETIMEDOUT: 'time', ERR_MAX_BUFFER: 'output' };

/** Waits for the end of a started program. */
export async function collect<Coding extends Encoding>(
  child: JailedProcess,
  request: NormalRequest,
  options: NormalRun,
): Promise<RunResult<OutputOf<Coding>>> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // takes the output that is there, and waits for no more
  const letGo = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  let excess = false;
  const onExcess = (): void => {
    excess = true;
    // another program may hold the pipe and go on writing
    if (!child.cutOff()) void letGo();
  };
  const gathered = new Gathered();
  const stdout = gathered.from(child.stdout, options.maxBufferBytes, onExcess);
  const stderr = gathered.from(child.stderr, options.maxBufferBytes, onExcess);
  let lost: UsageError | undefined;
  if (options.input !== undefined && child.stdin !== null)
    feed(child.stdin, options.input, (cause) => {
      lost = new UsageError('the input could not be read to its end', { cause });
      child.cutOff();
    });
  const ends = endOfPipes(child, options);
  const exit = await child.exited;
  const late = excess || child.stopped !== undefined ? undefined : await ends;
  const stopped: Stopped | undefined = excess ? 'ERR_MAX_BUFFER' : (child.stopped ?? late);
  if (late !== undefined) child.stop(late);
  if (stopped !== undefined) await letGo();
  await closed;
  if (lost !== undefined) throw lost;
  const said = stderr();
  const limit = exit.limit ?? (stopped === undefined ? undefined : limitNames[stopped]);
  const ended: RunResult = {
    ...exit,
    stdout: decode(stdout(), options),
    stderr: decode(said, options),
    ...(options.all ? { all: decode(gathered.all, options) } : {}),
    pid: child.pid,
    durationMs: performance.now() - options.requestedAt,
    timedOut: stopped === 'ETIMEDOUT',
    isCanceled: stopped === 'ABORT_ERR',
    ...(limit === undefined ? {} : { limit }),
    ...(stopped === undefined ? {} : { stopped }),
  };
  if (options.reject && (exit.exitCode !== 0 || stopped !== undefined)) {
    const program = child.spawnfile;
    const missing = await whatWasMissing(request, request.program ?? Buffer.from(program), ended);
    throw toEndError(commandText(program, child.spawnargs.slice(1)), said, missing, ended, request, options);
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
