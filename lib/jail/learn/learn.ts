// Learns what a program needs: runs a command in a scratch copy of the host, and tells the files that it used.

import { type BytePath, bytePath, joinPath, pathBytes, showPath } from '../../binary/path.ts';
import { errorCode, type FileRoot, openFileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { AbortError, JailError, UsageError } from '../../errors.ts';
import { checkKeys } from '../../keys.ts';
import { type Bytes, quote, toBuffer } from '../../quote.ts';
import { COMMAND_PATH, environmentOf, findAccount, type LearnAccount } from './account.ts';
import { runTraced, type TracedRun } from './run.ts';
import { openScratch } from './scratch.ts';
import { sift, type Sifted } from './sift.ts';
import { findTools, lastLine } from './tool.ts';
import { splitWords } from './words.ts';

export interface LearnRequest {
  /** A command line, which is split as sh would but not expanded (see splitWords), or its words. */
  readonly command: Bytes | readonly Bytes[];
  /** An ordinary user of the host, by name or uid. Default `nobody`, whom no file belongs to. */
  readonly user?: string | undefined;
  /** How long the command may run; what was learned until then counts. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * The command uses the network of the host instead of one of its own with nothing but a loopback device. What it
   * sends to the services of the host is real then.
   */
  readonly hostNetwork?: boolean | undefined;
}

/** What was learned. Paths are those of the host. */
export interface Learned extends Sifted {
  /** The command for messages. */
  readonly command: string;
  /** How its first process ended; both null if it had not when its time was over. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** The end of what it wrote there. */
  readonly stderr: string;
  /** What the scratch copy lacked. */
  readonly warnings: readonly string[];
}

/**
 * Runs the command as the user, in a copy of the host to which it can write what it likes, under strace. A command that fails
 * is no error. Must be called by root.
 * @throws UsageError for a wrong request, an unknown user, root, or a command that is not found or cannot be executed;
 * JailError ERR_MISSING if a tool is not installed, ERR_SCRATCH if the copy cannot be made here, EPERM; AbortError.
 */
export async function learn(request: LearnRequest): Promise<Learned> {
  const { words, user, timeoutMs, hostNetwork } = normalize(request);
  if (process.geteuid?.() !== 0)
    throw new JailError('learning takes root, to make a scratch copy of the host', {
      code: 'EPERM',
      hint: 'try sudo',
    });
  const account = findAccount(user);
  const root = openFileRoot('/');
  try {
    const program = findCommand(root, words[0] ?? Buffer.alloc(0));
    const home = homeOf(root, account);
    const tools = findTools();
    refuseAborted(request.signal);
    const scratch = await openScratch(tools, hostNetwork);
    let run: TracedRun;
    try {
      refuseAborted(request.signal);
      run = await runTraced(tools, scratch, {
        words: [pathBytes(program), ...words.slice(1)],
        account,
        cwd: home === undefined || isInTmp(root, home) ? '/' : account.home,
        env: environmentOf(account, process.env),
        timeoutMs,
        signal: request.signal,
      });
    } finally {
      await scratch.namespaces.close();
    }
    refuseAborted(request.signal);
    if (!run.trace.started) throw notStarted(program, account, run);
    return {
      ...sift({ events: run.trace.events, root, home }),
      command: showCommand(request.command),
      exitCode: run.trace.end?.exitCode ?? null,
      signal: run.trace.end?.signal ?? null,
      timedOut: run.timedOut,
      stderr: run.stderr,
      warnings: scratch.warnings,
    };
  } catch (error) {
    throw toJailError(error);
  } finally {
    root.close();
  }
}

interface NormalLearn {
  readonly words: readonly Buffer[];
  readonly user: string;
  readonly timeoutMs: number;
  readonly hostNetwork: boolean;
}

const KEYS = new Set(['command', 'user', 'timeoutMs', 'signal', 'hostNetwork']);
const LONGEST_MS = 2 ** 31 - 1 - 60_000; // of a timer of Node, less what is added to it

function normalize(request: LearnRequest): NormalLearn {
  checkKeys(request, KEYS);
  const { command, user = 'nobody', timeoutMs = 60_000, hostNetwork = false } = request;
  if (typeof user !== 'string') throw new UsageError('user must be a string');
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= LONGEST_MS))
    throw new UsageError(`timeoutMs must be a number above 0, and at most ${LONGEST_MS}`);
  if (typeof hostNetwork !== 'boolean') throw new UsageError('hostNetwork must be true or false');
  return { words: wordsOf(command), user, timeoutMs, hostNetwork };
}

function wordsOf(command: LearnRequest['command']): readonly Buffer[] {
  if (typeof command === 'string' || command instanceof Uint8Array) return splitWords(command);
  const words = command.map(toBuffer);
  if (words[0] === undefined || words[0].length === 0)
    throw new UsageError('the command to learn from is empty');
  const odd = words.find((word) => word.includes(0));
  if (odd !== undefined) throw new UsageError(`${quote(odd)} contains a NUL byte`);
  return words;
}

function showCommand(command: LearnRequest['command']): string {
  if (typeof command === 'string') return command;
  if (command instanceof Uint8Array) return quote(command);
  const shown = command.map((word) => quote(word));
  return shown.map((word) => (/[^\w@%+=:,./-]/.test(word) ? `'${word}'` : word)).join(' ');
}

/** The program as the scratch copy has it, under its path on the host. @throws UsageError */
function findCommand(root: FileRoot, word: Buffer): BytePath {
  const name = bytePath(word);
  const candidates = name.includes('/')
    ? [joinPath(bytePath(process.cwd()), name)]
    : COMMAND_PATH.split(':').map((directory) => joinPath(bytePath(directory), name));
  const program = candidates.find((candidate) => {
    const end = walk(root, candidate);
    return end.kind === 'found' && end.status.kind === 'file' && (end.status.mode & 0o111) !== 0;
  });
  if (program === undefined) {
    throw new UsageError(`command ${quote(word)} to learn from: not found`, {
      hint: name.includes('/')
        ? 'it has to be an executable file'
        : `give its path: it is in none of ${COMMAND_PATH}`,
    });
  }
  if (isInTmp(root, program))
    throw new UsageError(
      `command ${quote(word)} to learn from lies in /tmp, which a scratch copy has empty`,
      {
        hint: 'copy it elsewhere',
      },
    );
  return program;
}

function isInTmp(root: FileRoot, path: BytePath): boolean {
  return walk(root, path).path.startsWith(`${walk(root, bytePath('/tmp')).path}/`);
}

// Without links. A directory that is not the user's own is no home: /, /bin and /usr/sbin are homes of system accounts.
function homeOf(root: FileRoot, account: LearnAccount): BytePath | undefined {
  const end = walk(root, bytePath(account.home));
  const isHome = end.kind === 'found' && end.status.kind === 'directory' && end.status.uid === account.uid;
  return isHome ? end.path : undefined;
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError('learning was aborted', signal);
}

function notStarted(program: BytePath, account: LearnAccount, run: TracedRun): Error {
  const { refused } = run.trace;
  const path = showPath(program);
  if (refused !== undefined)
    return new UsageError(`command ${path} to learn from cannot be executed by ${account.name}: ${refused}`, {
      hint: refused === 'ENOENT' ? 'its interpreter is missing' : undefined,
    });
  const reason = lastLine(run.stderr) || 'strace ended without a word';
  return new JailError(`${path} could not be traced: ${reason}`, { code: 'ERR_SCRATCH', path });
}

function toJailError(error: unknown): unknown {
  const code = errorCode(error);
  const isOwn = [AbortError, JailError, UsageError].some((own) => error instanceof own);
  if (isOwn || code === undefined) return error;
  return new JailError(`learning: ${error instanceof Error ? error.message : code}`, { code });
}
