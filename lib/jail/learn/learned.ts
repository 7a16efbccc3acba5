// Commands that are watched while they run, so that what they open gets into the jail.

import type { BytePath } from '../../binary/path.ts';
import { UsageError } from '../../errors.ts';
import { quote } from '../../quote.ts';
import type { LearnedFiles } from '../manifest/recipe.ts';
import type { JailRequest } from '../request/request.ts';
import { showPaths } from '../work/show-paths.ts';
import { begin } from '../work/steps.ts';
import { type Learned, learn } from './learn.ts';
import { lastLine } from './tool.ts';

export interface Lessons {
  readonly learned: readonly LearnedFiles[];
  readonly warnings: readonly string[];
}

/**
 * Runs the commands of a request one after the other, as its first user.
 * @throws UsageError for a command that cannot be meant; JailError ERR_SCRATCH if it cannot be watched here, ERR_MISSING.
 */
export async function learnAll(request: JailRequest): Promise<Lessons> {
  const { learn: commands = [], users = [], from, signal, onProgress } = request;
  if (commands.length > 0 && from !== undefined)
    throw new UsageError('a command is learned from by running it on this host: not together with from');
  const learned: LearnedFiles[] = [];
  const warnings: string[] = [];
  for (const command of commands) {
    onProgress?.(begin('learn'));
    const lesson = await learn({ command, user: users[0], signal });
    const files = [...new Set([...lesson.programs, ...lesson.files])];
    learned.push({ command, files, directories: lesson.directories });
    warnings.push(...warningsOf(lesson));
  }
  return { learned, warnings };
}

function warningsOf({ command, exitCode, signal, timedOut, stderr, ...lesson }: Learned): readonly string[] {
  const told = (paths: readonly BytePath[], what: string) =>
    paths.length === 0 ? [] : [`${command} ${what} ${showPaths(paths)}`];
  const said = stderr.trim() === '' ? '' : `: ${quote(lastLine(stderr))}`;
  const ended = timedOut
    ? [`${command} was ended after its time: what it opened until then counts`]
    : exitCode === 0
      ? []
      : [`${command} ended with ${exitCode === null ? String(signal) : `status ${exitCode}`}${said}`];
  return [
    ...ended,
    ...lesson.warnings,
    ...told(lesson.secrets, 'opens what not everybody may read, left out unless it is named with --copy:'),
    ...told(lesson.writes, 'writes to'),
    ...told(lesson.sockets, 'talks to'),
  ];
}
