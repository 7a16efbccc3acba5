// Refuses words of `uchroot-jail build` that would silently make another jail than the one that is meant.
import { existsSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { isWithin } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { shellWord, unexpanded } from '../../words/shell-word.ts';

/** @throws UsageError for a ~ or a variable that no shell has replaced */
export function refuseUnexpanded(directory: Buffer): void {
  const left = unexpanded(directory.toString('latin1'));
  if (left === undefined || existsSync(directory)) return;
  throw new UsageError(`${quote(directory)}: ${left.problem}`, {
    hint: `write ${left.written}, or ./${quote(directory)} for a directory of this name`,
  });
}

/** @throws UsageError for a DEST of --copy as the host sees it */
export function refuseHostDest(directory: Buffer, copied: Buffer | undefined): void {
  const [, from = '', to = ''] = /^(.+):(\/.+)$/s.exec(copied?.toString('latin1') ?? '') ?? [];
  const jail = absolute(directory);
  if (jail === '/' || to === jail || !isWithin(to, jail)) return;
  throw new UsageError(`DEST of --copy is a path in the jail, without ${quote(directory)} before it`, {
    hint: `write --copy ${shellWord(`${from}:${to.slice(jail.length)}`)}`,
  });
}
