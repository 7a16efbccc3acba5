// uchroot --completion: the script of a shell, with the table of all options in it.
import { readFileSync } from 'node:fs';

import type { Argument } from '../values/command-option.ts';
import { oneOf } from '../values/validators.ts';
import { completionTable } from './completion/completion-table.ts';

// How a quote is written within single quotes.
const quotes = new Map([
  ['bash', String.raw`'\''`],
  ['zsh', String.raw`'\''`],
  ['fish', String.raw`\'`],
]);

/** The script for a shell. @throws UsageError for a shell that has none */
export function completionScript({ text }: Argument): string {
  const shell = oneOf([...quotes.keys()])(text, '--completion');
  return readFileSync(`${import.meta.dirname}/uchroot.${shell}`, 'utf8').replace('@TABLE@', () =>
    completionTable()
      .join('\n')
      .replaceAll("'", quotes.get(shell) ?? ''),
  );
}
