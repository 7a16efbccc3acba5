// Splits a command line into words as sh does, as long as nothing has to be expanded. Pure.

import { UsageError } from '../../errors.ts';
import { type Bytes, quote, toBuffer } from '../../words/quote.ts';

// A part of a word: in single quotes, in double quotes, or plain. Other characters mean something to sh (sh(1p), "Word Expansions").
const PART = /'[^']*'|"[^"\\$`]*"|[^ \t\n\0'"\\$`|;&<>()*?[]+/g;
const WORD = new RegExp(`(?:${PART.source})+`, 'g');

/** @throws UsageError for no word at all, a NUL byte, and a command that sh would expand, or take for more than one command */
export function splitWords(command: Bytes): readonly Buffer[] {
  const text = toBuffer(command).toString('latin1');
  const words = text.match(WORD) ?? [];
  // an unquoted ~ or # begins nothing else, and the first word may be an assignment
  const own = words.find((word, index) => /^[~#]/.test(word) || (index === 0 && /^[A-Za-z_]\w*=/.test(word)));
  const [character] = own === undefined ? (/[^ \t]/.exec(text.replace(WORD, '')) ?? []) : own;
  if (character !== undefined)
    throw new UsageError(
      `the command ${quote(command)} has a ${quote(character)}, and is run without a shell`,
      {
        hint: "put it in single quotes, or have a shell run it: sh -c '…'",
      },
    );
  if (words.length === 0)
    throw new UsageError('the command to learn from is empty', { hint: "write --learn 'COMMAND'" });
  return words.map((word) =>
    Buffer.from(
      word.replace(PART, (part) => (/^['"]/.test(part) ? part.slice(1, -1) : part)),
      'latin1',
    ),
  );
}
