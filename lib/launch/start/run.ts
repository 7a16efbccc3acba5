// Running a program to its end: its output, and the error if it fails.
import {
  AbortError,
  ExitError,
  UsageError,
  type ExitDetails,
  type LimitName,
  type Output,
} from '../../errors.ts';
import { refuseSecond } from '../../values/keys.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { withLimit } from '../process/end-account.ts';
import { whyLimited } from '../process/limit.ts';
import type { JailedProcess, StopReason } from '../process/process.ts';
import { discard, feed, Gathered, toLines } from '../process/text-streams.ts';
import type { NormalRequest } from '../request/request.ts';
import {
  hasLines,
  mostOutputBytes,
  normalizeRun,
  type Encoding,
  type Input,
  type OutputOf,
  type RunOptions,
  type RunRequest,
} from '../request/run-rows.ts';
import { piped, type Stdio } from '../request/stdio.ts';
import type { Diagnosis } from '../tell/found-path.ts';
import { viewOfJail } from '../tell/jail-view.ts';
import { findMissing } from '../tell/preflight.ts';
import { launchBeside } from './spawn.ts';
import { walkBeside } from '../host/spawn-error.ts';
import { awaitStop, inSeconds } from './abort-or-timeout.ts';

/** Why this process stopped the program. */
export type Stopped = StopReason | 'ERR_MAX_BUFFER';

/** How a program ended, and its output. */
export interface RunResult<Text extends Output = Output> extends ExitDetails<Text> {
  /** Only with `reject: false`: why the program was stopped, if it was. */
  readonly stopped?: Stopped;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

function decode(output: Buffer, { encoding, lines, stripFinalNewline }: RunOptions): Output {
  if (encoding === 'buffer' || !hasLines(encoding)) {
    const isEnded = stripFinalNewline && output.at(-1) === lineFeed;
    const taken = isEnded ? output.subarray(0, output.at(-2) === carriageReturn ? -2 : -1) : output;
    return encoding === 'buffer' ? taken : taken.toString(encoding);
  }
  const text = output.toString(encoding);
  if (lines) return toLines(text);
  return stripFinalNewline && text.endsWith('\n') ? text.slice(0, text.endsWith('\r\n') ? -2 : -1) : text;
}

// A descendant of the program may hold its pipes for ever. So timeout and AbortSignal still count after the program's end.
function endOfPipes(child: JailedProcess, options: RunOptions): Promise<StopReason | undefined> {
  return new Promise((resolve) => {
    const clearStop = awaitStop({ ...options, requestedAt: child.requestedAt }, resolve);
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

/** The last lines of an output, made safe for a terminal. */
export function lastLines(output: Buffer): readonly string[] {
  const cut = output.subarray(-mostStderrBytes);
  const lines = cut.toString('latin1').split('\n');
  // the first line has lost its beginning
  if (cut.length < output.length && lines.length > 1) lines.shift();
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-mostStderrLines)
    .map((line) => quote(Buffer.from(line, 'latin1')));
}

/** How a program ended, for a message. */
export function howEnded({ exitCode, signal }: Pick<ExitDetails, 'exitCode' | 'signal'>): string {
  if (signal !== null) return `ended by ${signal}`;
  return exitCode === null ? 'its status was lost' : `exited with status ${exitCode}`;
}

// Loaders and env(1) exit with this when a program cannot start.
const notStarted = 127;

// A program may end like one whose loader has found a library missing. This function looks for that library in the jail, which it opens
// again, off the event loop. Best effort: the failure itself is reported in any case.
async function whatWasMissing(
  request: NormalRequest,
  program: Buffer,
  { exitCode, stdout }: ExitDetails,
): Promise<Diagnosis | undefined> {
  if (exitCode !== notStarted || stdout.length > 0) return undefined;
  const variables = new Map(request.env);
  // the program may find its libraries elsewhere
  if (variables.get('LD_LIBRARY_PATH') !== undefined) return undefined;
  const { fd } = await walkBeside(request.jail);
  if (fd < 0) return undefined;
  try {
    const view = viewOfJail(request, fd);
    const path = variables.get('PATH');
    return findMissing(view, program, { dlopen: 'none', ...(path !== undefined && { path }) });
  } catch {
    return undefined;
  } finally {
    native.closeDescriptor(fd);
  }
}

const isBeyondStrings = (options: RunOptions): boolean => mostOutputBytes(options) < options.maxBufferBytes;

function whyStopped(stopped: Stopped, options: RunOptions): string {
  const output = isBeyondStrings(options) ? 'a string can hold' : 'maxBufferBytes';
  return {
    ETIMEDOUT: `it took longer than ${options.timeoutMs} ms and was stopped`,
    ABORT_ERR: 'it was aborted',
    ERR_MAX_BUFFER: `it wrote more than ${output} (${mostOutputBytes(options)}) and was stopped`,
  }[stopped];
}

function why(
  limit: LimitName | undefined,
  request: NormalRequest,
  stopped: Stopped | undefined,
  options: RunOptions,
): string | undefined {
  return whyLimited(limit, request) ?? (stopped === undefined ? undefined : whyStopped(stopped, options));
}

// The error of a program that failed or was stopped. Below the first line of the message are the last lines of stderr.
function toEndError(
  program: string,
  args: readonly string[],
  stderr: Buffer,
  missing: Diagnosis | undefined,
  ended: RunResult,
  request: NormalRequest,
  options: RunOptions,
): ExitError<Output> | AbortError {
  const { stopped } = ended;
  const how = `${howEnded(ended)}${missing === undefined ? '' : `: ${missing.message}`}`;
  const reason = why(ended.limit, request, stopped, options);
  const what = reason === undefined ? how : `${reason} (${how})`;
  const message = [`${commandText(program, args)}: ${what}`, ...lastLines(stderr)].join('\n');
  if (stopped === 'ABORT_ERR') return new AbortError(message, options.signal, { ended });
  const code = stopped ?? (ended.signal === null ? 'ERR_EXIT' : 'ERR_SIGNAL');
  return new ExitError(message, code, ended, missing?.hint ?? whyFailed(stopped, args, request, options));
}

// A variable, ~ or wildcards, which a shell would have replaced.
const ofShell = /^(?:\$\w+|\$\{\w+\}|~)(?:\/\S*)?$|^[\w./-]*\/(?:[\w.-]*\*[\w.*-]*)$|^\*\.\w+$/;
// A flag with a second word behind a blank, which a shell would have split.
const twoWords = /^-\S+[ \t]+\S/;

/** What a caller who knows a shell may have overlooked. */
function whyFailed(
  stopped: Stopped | undefined,
  args: readonly string[],
  { time }: NormalRequest,
  options: RunOptions,
): string | undefined {
  if (stopped === 'ETIMEDOUT')
    return options.stdio[0] === piped && options.input === undefined
      ? "its standard input is a pipe that nobody ends: write input: '', or leave stdio[0] out"
      : time === undefined
        ? inSeconds(options.timeoutMs)
        : undefined;
  if (stopped === 'ERR_MAX_BUFFER' && isBeyondStrings(options)) return "write encoding: 'buffer'";
  if (stopped !== undefined) return undefined;
  const kept = args.find((one) => ofShell.test(one));
  if (kept !== undefined)
    return `${word(kept)} stays as it is, as there is no shell: write what it stands for, or give the line to sh -c`;
  const joined = args.find((one) => twoWords.test(one));
  if (joined === undefined) return undefined;
  const words = joined.split(/[ \t]+/).map((one) => `'${quote(one)}'`);
  return `${word(joined)} is one argument: write [${words.join(', ')}]`;
}

const limitNames: { readonly [why in Stopped]?: LimitName } = { ETIMEDOUT: 'time', ERR_MAX_BUFFER: 'output' };

async function startReader(start: () => Promise<JailedProcess>, input: Input): Promise<JailedProcess> {
  try {
    return await start();
  } catch (error) {
    discard(input);
    throw error;
  }
}

/** Starts a program, and collects its output until it ends. */
export async function collect<Text extends Output>(
  start: () => Promise<JailedProcess>,
  request: NormalRequest,
  options: RunOptions,
): Promise<RunResult<Text>> {
  const child = await (options.input === undefined ? start() : startReader(start, options.input));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // takes the output that has arrived, and does not wait for more
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
  const mostBytes = mostOutputBytes(options);
  const stdout = gathered.from(child.stdout, mostBytes, onExcess, options.stdoutTo);
  const stderr = gathered.from(child.stderr, mostBytes, onExcess, options.stderrTo);
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
    durationMs: performance.now() - child.requestedAt,
    timedOut: stopped === 'ETIMEDOUT',
    isCanceled: stopped === 'ABORT_ERR',
    ...withLimit(exit.account, limit, why(limit, request, stopped, options)),
    ...(stopped === undefined ? {} : { stopped }),
  };
  if (options.reject && (exit.exitCode !== 0 || stopped !== undefined)) {
    const program = child.spawnfile;
    const missing = await whatWasMissing(request, request.program ?? Buffer.from(program), ended);
    throw toEndError(program, child.spawnargs.slice(1), said, missing, ended, request, options);
  }
  return ended as RunResult<Text>;
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
export async function runInJail<Coding extends Encoding = 'utf8', Lines extends boolean = false>(
  request: RunRequest<Coding, Stdio, Lines>,
): Promise<RunResult<OutputOf<Coding, Lines>>> {
  refuseSecond(arguments);
  const [normal, options] = normalizeRun(request);
  return collect<OutputOf<Coding, Lines>>(() => launchBeside(normal, options), normal, options);
}
