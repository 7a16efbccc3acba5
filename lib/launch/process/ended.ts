// The error of a program that has run and failed: what was started, how it ended, and what it said last.
import { openFileRoot } from '../../binary/root.ts';
import { AbortError, ExitError, type ExitDetails } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';
import type { Diagnosis } from '../tell/diagnose.ts';
import { findMissing } from '../tell/preflight.ts';
import type { NormalRequest } from '../request/request.ts';
import type { NormalRun, RunResult, Stopped } from '../start/run.ts';

const mostCommandCharacters = 300;
const mostStderrBytes = 2048;
const mostStderrLines = 10;

function word(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument === '' ? '' : quote(argument)}'`;
}

/** Program and arguments, as far as a line holds them. */
function commandText(program: string, args: readonly string[]): string {
  let text = program;
  for (const argument of args) {
    const next = word(argument);
    if (text.length + next.length >= mostCommandCharacters) return `${text} …`;
    text += ` ${next}`;
  }
  return text;
}

/** The last lines of what a program has written, each as one that a terminal can show. */
function lastLines(output: Buffer): readonly string[] {
  const cut = output.subarray(-mostStderrBytes);
  const lines = cut.toString('latin1').split('\n');
  // the first has lost its beginning
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

/** A program that was not able to start: 127 is what loaders and env(1) exit with then. */
const notStarted = 127;

/**
 * What a program lacked that has ended as loaders end those whose libraries they do not find. The jail is opened again,
 * off the event loop; what cannot be seen is not told.
 */
export async function whatWasMissing(
  request: NormalRequest,
  program: Buffer,
  { exitCode, stdout }: ExitDetails,
): Promise<Diagnosis | undefined> {
  if (exitCode !== notStarted || stdout.length > 0) return undefined;
  const variables = new Map(request.env);
  // it may find its libraries where nobody else would look
  if (variables.get('LD_LIBRARY_PATH') !== undefined) return undefined;
  const { jailFd } = await native.readHost({ jail: request.jail });
  if (jailFd < 0) return undefined;
  try {
    const view = { root: openFileRoot(jailFd), cwd: request.cwd, jail: quote(request.jail) };
    const path = variables.get('PATH');
    return findMissing(view, program, { dlopen: 'none', ...(path !== undefined && { path }) });
  } catch {
    return undefined; // the failure itself is told
  } finally {
    native.closeJail(jailFd);
  }
}

/** What is known of a failure besides how it ended. */
export interface Failed {
  readonly program: string;
  readonly args: readonly string[];
  /** What it wrote to stderr, as bytes. */
  readonly stderr: Buffer;
  readonly missing: Diagnosis | undefined;
}

function whyStopped(stopped: Stopped, { timeoutMs, maxBufferBytes }: NormalRun): string {
  switch (stopped) {
    case 'ETIMEDOUT':
      return `it took longer than ${timeoutMs} ms and was stopped`;
    case 'ABORT_ERR':
      return 'it was aborted';
    case 'ERR_MAX_BUFFER':
      return `it wrote more than maxBufferBytes (${maxBufferBytes}) and was stopped`;
    default:
      return stopped satisfies never;
  }
}

/** The error of a program that has failed or was stopped. Behind the first line of its message is what it said last. */
export function toEndError(failed: Failed, ended: RunResult, options: NormalRun): ExitError | AbortError {
  const { program, args, stderr, missing } = failed;
  const { stopped } = ended;
  const how = `${howEnded(ended)}${missing === undefined ? '' : `: ${missing.message}`}`;
  const what = stopped === undefined ? how : `${whyStopped(stopped, options)} (${how})`;
  const message = [`${commandText(program, args)}: ${what}`, ...lastLines(stderr)].join('\n');
  if (stopped === 'ABORT_ERR') return new AbortError(message, options.signal, { ended });
  const code = stopped ?? (ended.signal === null ? 'ERR_EXIT' : 'ERR_SIGNAL');
  return new ExitError(message, code, ended, missing?.hint);
}
