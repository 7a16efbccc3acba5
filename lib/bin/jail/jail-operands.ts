// Refuses words of `uchroot-jail build` that would silently make another jail than the one that is meant.
import { existsSync, statSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { isWithin } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { commandLine, shellWord, unexpanded } from '../../words/shell-word.ts';
import { lookOr } from '../../words/system-error.ts';

/** @throws UsageError for a ~ or a variable that no shell has replaced */
function refuseUnexpanded(directory: Buffer): void {
  const left = unexpanded(directory.toString('latin1'));
  if (left === undefined || existsSync(directory)) return;
  throw new UsageError(`${quote(directory)}: ${left.problem}`, {
    hint: `write ${left.written}, or ./${quote(directory)} for a directory of this name`,
  });
}

/** @throws UsageError for a directory behind the programs, as cp(1) has it */
function refuseSwapped(directory: Buffer, programs: readonly Buffer[]): void {
  const last = programs.at(-1);
  if (last?.includes('/') !== true || directory.includes('/') || existsSync(directory)) return;
  if (!lookOr(true, () => statSync(last).isDirectory())) return;
  const words = [last, directory, ...programs.slice(0, -1)].map((word) => word.toString('latin1'));
  throw new UsageError(`DIRECTORY comes first, and ${quote(directory)} is none`, {
    hint: commandLine('uchroot-jail', 'build', ...words),
  });
}

/** @throws UsageError for a DEST of --copy as the host sees it */
function refuseHostDest(directory: Buffer, copied: Buffer | undefined): void {
  const [, from = '', to = ''] = /^(.+):(\/.+)$/s.exec(copied?.toString('latin1') ?? '') ?? [];
  const [, file = '', relative = ''] = /^(.+):([^/:].*)$/s.exec(copied?.toString('latin1') ?? '') ?? [];
  if (file !== '' && existsSync(file) && !existsSync(copied ?? ''))
    throw new UsageError('DEST of --copy is an absolute path of the jail', {
      hint: `write --copy ${shellWord(`${file}:/${relative}`)}`,
    });
  const jail = absolute(directory);
  if (jail === '/' || to === jail || !isWithin(to, jail)) return;
  throw new UsageError(`DEST of --copy is a path in the jail, without ${quote(directory)} before it`, {
    hint: `write --copy ${shellWord(`${from}:${to.slice(jail.length)}`)}`,
  });
}

/** @param copied the last value of --copy @throws UsageError for each of these */
export function refuseOtherJail(
  directory: Buffer,
  programs: readonly Buffer[],
  copied: Buffer | undefined,
): void {
  refuseUnexpanded(directory);
  refuseSwapped(directory, programs);
  refuseHostDest(directory, copied);
}
