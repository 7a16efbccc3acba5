// Learns what programs need: runs commands in a scratch copy of the host, and finds the files that they use.

import { type BytePath, pathBytes, showPath, showPaths } from '../../tree/path.ts';
import { openFileRoot } from '../../tree/root.ts';
import { JailError, UsageError } from '../../errors.ts';
import type { Account } from '../../launch/host/account.ts';
import { quote } from '../../words/quote.ts';
import type { LearnedFiles } from '../manifest/recipe.ts';
import type { JailRequest } from '../request/jail-request.ts';
import { throwIfAborted, toJailError } from '../work/jail-error.ts';
import { begin } from '../work/steps.ts';
import { splitWords } from './command-words.ts';
import { environmentOf, findAccount, findCommand, homeOf, isInTmp } from './learn-request.ts';
import { openScratch } from './scratch.ts';
import { sift } from './used-files.ts';
import { findTools, lastLine } from './learning-tools.ts';
import { runTraced, type TracedRun } from './traced-run.ts';

/** The result of learning. Paths are those of the host. */
type Learned = Awaited<ReturnType<typeof learn>>;

/**
 * Runs a command as the user under strace, in a copy of the host to which it can write. It is split as by sh, but not expanded
 * (see splitWords). What it did within its time counts. A command that fails is no error. Must be called by root.
 * @throws UsageError for a command that sh would expand, an unknown user, root, or a command that is not found or cannot be executed;
 * JailError ERR_MISSING if a tool is not installed, ERR_SCRATCH if the copy cannot be made here, EPERM; AbortError
 */
export async function learn(
  command: string,
  {
    user = 'nobody', // owns no file
    timeoutMs = 60_000,
    signal,
  }: { readonly user?: string | undefined; readonly timeoutMs?: number } & Pick<JailRequest, 'signal'> = {},
) {
  const words = splitWords(command);
  if (process.geteuid?.() !== 0)
    throw new JailError('learning needs root, to make a scratch copy of the host', {
      code: 'EPERM',
      hint: 'try sudo',
    });
  const account = findAccount(user);
  const root = openFileRoot('/');
  try {
    const program = findCommand(root, words[0] ?? Buffer.alloc(0));
    const home = homeOf(root, account);
    const tools = findTools(root);
    throwIfAborted(signal);
    const scratch = await openScratch(root, tools);
    let run: TracedRun;
    try {
      throwIfAborted(signal);
      run = await runTraced(tools, scratch, {
        words: [pathBytes(program), ...words.slice(1)],
        account,
        cwd: home === undefined || isInTmp(root, home) ? '/' : account.home,
        env: environmentOf(account),
        timeoutMs,
        signal,
      });
    } finally {
      await scratch.namespaces.close();
    }
    throwIfAborted(signal);
    if (!run.trace.started) throw notStarted(program, account, run);
    return {
      ...sift({ events: run.trace.events, root, home }),
      /** How its first process ended; both null if its time was over first. */
      exitCode: run.trace.end?.exitCode ?? null,
      signal: run.trace.end?.signal ?? null,
      timedOut: run.timedOut,
      /** The end of its standard error. */
      stderr: run.stderr,
      /** Parts of the host that the scratch copy lacked. */
      warnings: scratch.warnings,
    };
  } catch (error) {
    throw toJailError(error);
  } finally {
    root.close();
  }
}

function notStarted(program: BytePath, account: Account, run: TracedRun): Error {
  const { refused } = run.trace;
  const path = showPath(program);
  if (refused !== undefined)
    return new UsageError(
      `command ${path} to learn from cannot be executed by ${account.name ?? account.uid}: ${refused}`,
      {
        hint: refused === 'ENOENT' ? 'its interpreter is missing' : undefined,
      },
    );
  const reason = lastLine(run.stderr) || 'strace ended without a word';
  return new JailError(`${path} could not be traced: ${reason}`, { code: 'ERR_SCRATCH', path });
}

/**
 * Learns from the commands of a jail's request, one after the other, as its first user.
 * @throws UsageError for a wrong command; JailError ERR_SCRATCH if it cannot be watched here, ERR_MISSING
 */
export async function learnAll(request: JailRequest) {
  const { learn: commands = [], users = [], from, signal, onProgress } = request;
  if (commands.length > 0 && from !== undefined)
    throw new UsageError('learning runs a command on this host, so it cannot be combined with from', {
      hint: 'leave --from or --learn out',
    });
  const learned: LearnedFiles[] = [];
  const warnings: string[] = [];
  for (const command of commands) {
    onProgress?.(begin('learn'));
    const lesson = await learn(command, { user: users[0], signal });
    const files = [...new Set([...lesson.programs, ...lesson.files])];
    learned.push({ command, files, directories: lesson.directories });
    warnings.push(...warningsOf(command, lesson));
  }
  return { learned, warnings };
}

function warningsOf(
  command: string,
  { exitCode, signal, timedOut, stderr, ...lesson }: Learned,
): readonly string[] {
  const told = (paths: readonly BytePath[], what: string) =>
    paths.length === 0 ? [] : [`${command} ${what} ${showPaths(paths)}`];
  const said = stderr.trim() === '' ? '' : `: ${quote(lastLine(stderr))}`;
  const status = exitCode === null ? String(signal) : `status ${exitCode}`;
  const ended = exitCode === 0 ? [] : [`${command} ended with ${status}${said}`];
  return [
    ...(timedOut ? [`${command} was ended after its time: what it opened until then counts`] : ended),
    ...lesson.warnings,
    ...told(lesson.secrets, 'opens files that are not world-readable, left out unless named with --copy:'),
    ...told(lesson.writes, 'writes to'),
    ...told(lesson.sockets, 'talks to'),
  ];
}
