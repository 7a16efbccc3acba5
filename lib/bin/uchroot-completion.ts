// uchroot --completion: the scripts of the shells. lib/bin/completion makes them when the commands are bundled.
import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { Argument } from '../command-option.ts';
import { quote } from '../quote.ts';

const shells = ['bash', 'zsh', 'fish'];

/** The script for a shell. @throws UsageError for a shell that has none */
export function completionScript({ text, bytes }: Argument): Buffer {
  if (shells.includes(text)) return readFileSync(`${import.meta.dirname}/uchroot.${text}`);
  throw new UsageError(`--completion ${quote(bytes)}: it is one of ${shells.join(', ')}`, {
    hint: didYouMean(text, shells) ?? 'write --completion bash',
  });
}
