// uchroot --completion: the script of a shell, with the table of all options (completion/completion-table.ts) in it. The scripts
// share one file of the table, because it is large.
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

import { UsageError } from '../errors.ts';
import { didYouMean } from '../words/nearest.ts';
import type { Argument } from '../values/command-option.ts';
import { quote } from '../words/quote.ts';

// How a quote is written within single quotes.
const quotes = new Map([
  ['bash', String.raw`'\''`],
  ['zsh', String.raw`'\''`],
  ['fish', String.raw`\'`],
]);

const read = (file: string): Buffer => readFileSync(`${import.meta.dirname}/${file}`);

const table = (): string => brotliDecompressSync(read('completion-table.br')).toString();

/** The script for a shell. @throws UsageError for a shell that has none */
export function completionScript({ text, bytes }: Argument): string {
  const quoted = quotes.get(text);
  if (quoted !== undefined)
    return read(`uchroot.${text}`)
      .toString()
      .replace('@TABLE@', () => table().replaceAll("'", quoted));
  const shells = [...quotes.keys()];
  throw new UsageError(`--completion ${quote(bytes)}: it is one of ${shells.join(', ')}`, {
    hint: didYouMean(text, shells) ?? 'write --completion bash',
  });
}
