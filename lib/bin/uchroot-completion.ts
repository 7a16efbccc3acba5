// uchroot --completion: the script of a shell, with the table of all options in it.
import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { didYouMean } from '../words/nearest.ts';
import type { Argument } from '../values/command-option.ts';
import { quote } from '../words/quote.ts';
import { completionTable } from './completion/completion-table.ts';

// How a quote is written within single quotes.
const quotes = new Map([
  ['bash', String.raw`'\''`],
  ['zsh', String.raw`'\''`],
  ['fish', String.raw`\'`],
]);

/** The script for a shell. @throws UsageError for a shell that has none */
export function completionScript({ text, bytes }: Argument): string {
  const quoted = quotes.get(text);
  if (quoted !== undefined)
    return readFileSync(`${import.meta.dirname}/uchroot.${text}`, 'utf8').replace('@TABLE@', () =>
      completionTable().join('\n').replaceAll("'", quoted),
    );
  const shells = [...quotes.keys()];
  throw new UsageError(`--completion ${quote(bytes)}: it is one of ${shells.join(', ')}`, {
    hint: didYouMean(text, shells) ?? 'write --completion bash',
  });
}
