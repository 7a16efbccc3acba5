// Splits a command line into words as sh does, as long as nothing has to be expanded. Pure.

import { UsageError } from '../../errors.ts';
import { type Bytes, quote, toBuffer } from '../../words/quote.ts';

// Blanks; or a part of a word: in single quotes, in double quotes, after a backslash, or plain. What matches none of these means
// something else to sh (sh(1p) "Token Recognition", "Word Expansions").
const PART = /[ \t]+|'([^']*)'|"((?:[^"\\$`]|\\[^])*)"|\\([^])|([^ \t'"\\$`|;&<>()*?[\n]+)/y;
const IN_DOUBLE_QUOTES = /"(?:[^"\\$`]|\\[^])*/y;

/**
 * Splits a command at blanks, with single quotes, double quotes and backslashes as in sh. Nothing is expanded: a command that sh
 * would expand, or take for more than one command, is refused.
 * @throws UsageError, with a hint, also for no word at all, an unfinished quote, and a NUL byte
 */
export function splitWords(command: Bytes): readonly Buffer[] {
  const text = toBuffer(command).toString('latin1');
  const shown = `the command ${quote(command)}`;
  if (text.includes('\0')) throw new UsageError(`${shown} contains a NUL byte`);
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) throw faultAt(text, at, shown);
    const [, single, double, escaped, plain] = match;
    if (plain !== undefined && word === undefined) {
      if (/^[~#]/.test(plain)) throw refusal(plain.charAt(0), shown);
      // a name with quotes is no name of a variable
      if (words.length === 0 && /^[A-Za-z_][A-Za-z0-9_]*=/.test(plain)) throw refusal('=', shown);
    }
    const part = plain ?? single ?? (double === undefined ? escaped : unescape(double));
    if (escaped === '\n') continue; // it joins lines and begins no word
    if (part === undefined && word !== undefined) words.push(word);
    word = part === undefined ? undefined : (word ?? '') + part;
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0)
    throw new UsageError('the command to learn from is empty', { hint: "write --learn 'COMMAND'" });
  return words.map((one) => Buffer.from(one, 'latin1'));
}

// Before other characters, a backslash in double quotes is an ordinary one (sh(1p) "Double-Quotes").
function unescape(text: string): string {
  return text.replace(/\\([$`"\\\n])/g, (_, character: string) => (character === '\n' ? '' : character));
}

function faultAt(text: string, at: number, shown: string): UsageError {
  const character = text.charAt(at);
  if (character === "'") return unfinished(`${shown} ends within single quotes`);
  if (character === '\\') return unfinished(`${shown} ends with a backslash`);
  if (character !== '"') return refusal(character, shown);
  IN_DOUBLE_QUOTES.lastIndex = at;
  IN_DOUBLE_QUOTES.exec(text);
  const next = text.charAt(IN_DOUBLE_QUOTES.lastIndex);
  if (next === '$' || next === '`') return refusal(next, shown, 'in double quotes');
  return unfinished(`${shown} ends within double quotes`);
}

const unfinished = (message: string): UsageError =>
  new UsageError(message, {
    hint: `write the quote that is missing; a quote itself is "'" in the command`,
  });

function refusal(character: string, shown: string, where = 'outside of quotes'): UsageError {
  return new UsageError(`${shown} has a ${quote(character)} ${where}, and is run without a shell`, {
    hint: "put it in single quotes, or have a shell run it: sh -c '…'",
  });
}
