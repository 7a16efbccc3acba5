// A command line as words: what sh would make of it as long as nothing has to be expanded. Pure.

import { UsageError } from '../../errors.ts';
import { type Bytes, quote, toBuffer } from '../../quote.ts';

// Whatever sh would not take as it stands (sh(1p) "Token Recognition", "Word Expansions"). In double quotes only the
// first two are special.
const EXPANDED = '$`';
const SPECIAL = `${EXPANDED}|;&<>()*?[\n`;
const SPECIAL_FIRST = '~#';

/**
 * Splits a command at blanks, with single quotes, double quotes and backslashes as in sh. Nothing is expanded: what sh
 * would expand, or take for more than one command, is refused.
 * @throws UsageError, with a hint, also for no word at all, a quote that does not end, and a NUL byte.
 */
export function splitWords(command: Bytes): readonly Buffer[] {
  const text = toBuffer(command).toString('latin1');
  if (text.includes('\0')) throw new UsageError(`the command ${quote(command)} contains a NUL byte`);
  const words: Buffer[] = [];
  let at = 0;

  function refuse(character: string, where = 'outside of quotes'): UsageError {
    return new UsageError(
      `the command ${quote(command)} has a ${quote(character)} ${where}, and is run without a shell`,
      { hint: "put it in single quotes, or have a shell run it: sh -c '…'" },
    );
  }
  function unfinished(what: string): UsageError {
    return new UsageError(`the command ${quote(command)} ends ${what}`);
  }

  function readSingleQuoted(): string {
    const end = text.indexOf("'", at);
    if (end < 0) throw unfinished('within single quotes');
    const inside = text.slice(at, end);
    at = end + 1;
    return inside;
  }

  // Only before these a backslash has a meaning in double quotes (sh(1p) "Double-Quotes").
  function readDoubleQuoted(): string {
    let inside = '';
    for (;;) {
      const character = text[at++];
      if (character === undefined) throw unfinished('within double quotes');
      if (character === '"') return inside;
      if (EXPANDED.includes(character)) throw refuse(character, 'in double quotes');
      if (character !== '\\') {
        inside += character;
        continue;
      }
      const next = text[at++];
      if (next === undefined) throw unfinished('within double quotes');
      if (next !== '\n') inside += '$`"\\'.includes(next) ? next : `\\${next}`;
    }
  }

  function readWord(): string | undefined {
    let word: string | undefined;
    for (;;) {
      const character = text[at];
      if (character === undefined || character === ' ' || character === '\t') return word;
      if (SPECIAL.includes(character)) throw refuse(character);
      if (word === undefined && SPECIAL_FIRST.includes(character)) throw refuse(character);
      at++;
      if (character === '\\') {
        const escaped = text[at++];
        if (escaped === undefined) throw unfinished('with a backslash');
        if (escaped !== '\n') word = (word ?? '') + escaped; // a newline joins lines and begins no word
      } else if (character === "'") word = (word ?? '') + readSingleQuoted();
      else if (character === '"') word = (word ?? '') + readDoubleQuoted();
      else {
        if (character === '=' && words.length === 0 && isName(word)) throw refuse('=');
        word = (word ?? '') + character;
      }
    }
  }

  // The text so far as written, without a quote in it: then sh takes `NAME=value` for an assignment.
  function isName(word: string | undefined): boolean {
    return (
      word !== undefined && /^[A-Za-z_][A-Za-z0-9_]*$/.test(word) && text.slice(0, at - 1).trim() === word
    );
  }

  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at++;
    if (at >= text.length) break;
    const word = readWord();
    if (word !== undefined) words.push(Buffer.from(word, 'latin1'));
  }
  if (words.length === 0) throw new UsageError('the command to learn from is empty');
  return words;
}
