// Splits the argument of a `#!` line into words, as `env -S` does.

import { type BytePath, showPath } from '../tree/path.ts';

export interface Word {
  readonly text: BytePath;
  /** A variable in it whose value is unknown; the word is then unknown too, and may not exist. */
  readonly variable?: string;
}

const MAX_BYTES = 131072; // MAX_ARG_STRLEN: execve(2) refuses a longer argument

// A quote, blanks, `#`, an escape, a variable, or other text.
const TOKEN = /['"#]|[ \t\n\v\f\r]+|\\[^]?|\$(?:\{[A-Za-z_][A-Za-z0-9_]*\})?|[^'"#\\$ \t\n\v\f\r]+/g;

const BLANK = /^[ \t\n\v\f\r]/;

/**
 * Splits by the rules of env(1): quotes, escapes, `${NAME}`, a comment at the end (GNU coreutils manual,
 * "-S/--split-string syntax"). `valueOf` returns the value of a variable, undefined if it is
 * unknown. A message is that of the error with which env ends, status 125.
 */
export function splitWords(
  text: BytePath,
  valueOf: (name: string) => BytePath | undefined,
): readonly Word[] | { readonly message: string } {
  const words: Word[] = [];
  let word: { text: string; variable?: string } | undefined;
  let quote: string | undefined;
  let bytes = 0;
  const append = (more: string) => {
    word ??= { text: '' };
    word.text += more;
    bytes += more.length;
  };
  const endWord = () => {
    if (word !== undefined) words.push(word as Word);
    word = undefined;
  };

  for (const [token] of text.matchAll(TOKEN)) {
    if (token === quote) quote = undefined;
    else if (quote === undefined && (token === '"' || token === "'")) {
      quote = token;
      append(''); // an empty pair of quotes is a word
    } else if (quote === undefined && (token === '\\_' || BLANK.test(token))) endWord();
    else if (quote === undefined && token === '\\c') break;
    else if (word === undefined && token === '#') break;
    else if (token.startsWith('\\')) {
      const meant = unescape(token, quote);
      if (meant === undefined)
        return { message: `${showPath(token as BytePath)} in its -S string means nothing` };
      append(meant);
    } else if (token.startsWith('$') && quote !== "'") {
      if (token === '$') return { message: 'a $ in its -S string is not that of ${NAME}' };
      const name = token.slice(2, -1);
      const value = valueOf(name);
      append(value ?? '');
      if (value === undefined && word !== undefined) word.variable ??= name;
    } else append(token);
    if (bytes > MAX_BYTES) return { message: 'its -S string becomes too long' };
  }
  if (quote !== undefined) return { message: 'a quote in its -S string has no end' };
  endWord();
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

// The meaning of an escape, in single quotes mostly itself; undefined if it is invalid.
function unescape(token: string, quote: string | undefined): string | undefined {
  const character = token.charAt(1);
  if (quote === "'" && character !== "'" && character !== '\\') return token;
  if (quote === '"' && character === '_') return ' ';
  return /["#$'\\]/.test(character) ? character : ESCAPES[character];
}
