// Upper and lower case are the same to libwrap: strcasecmp(3) in the C locale, where only ASCII has case.
// White space in the C locale (isspace(3)): what String.prototype.trim takes off besides is text to libwrap.
// Numbers as atoi(3) and sscanf(3) read them: libwrap takes whatever they make of a word, wrapped to 32 bits.
// Where a rule, and a word of it, is cut in two: brackets protect the colons of an IPv6 address.
// Texts of the files in messages: lib/tcpwrappers has one byte a character.
// Texts of the files as strings for people: lib/tcpwrappers has one byte a character.

import { quote } from '../../quote.ts';

/** `text` with ASCII letters in lower case. Texts hold one byte a character, and no byte above 0x7f is changed. */
export function fold(text: string): string {
  let isAscii = true;
  let hasUpper = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) isAscii = false;
    else if (code >= 0x41 && code <= 0x5a) hasUpper = true;
  }
  // nearly always: a decision is made for each connection, and has no time for a regular expression
  if (!hasUpper) return text;
  return isAscii ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Without white space at both ends. */
export function chop(text: string): string {
  return text.slice(skipBlanks(text, 0)).replace(/(?<![ \t-\r])[ \t-\r]+$/, '');
}

/** The index of the first character from `from` on that is no white space, or the length. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\v\f\r'.includes(text.charAt(at))) at++;
  return at;
}

const LONG_MAX = 2n ** 63n - 1n;
const ULONG_MAX = 2n ** 64n - 1n;

// What strtol(3) answers: out of range is the nearest value there is.
function clampLong(value: bigint): bigint {
  if (value > LONG_MAX) return LONG_MAX;
  return value < -LONG_MAX - 1n ? -LONG_MAX - 1n : value;
}

/** The number a word begins with, as an int; 0 if it begins with none (atoi(3)). */
export function atoi(text: string): number {
  const digits = /^[ \t-\r]*([+-]?)([0-9]+)/.exec(text);
  if (digits === null) return 0;
  const value = BigInt(digits[2] ?? '0');
  return Number(BigInt.asIntN(32, clampLong(digits[1] === '-' ? -value : value)));
}

/** The int that the whole of a word is, or undefined (`%d` of sscanf(3)). */
export function scanInt(text: string): number | undefined {
  return /^[ \t-\r]*[+-]?[0-9]+$/.test(text) ? atoi(text) : undefined;
}

/** The unsigned int that the whole of a word is, in decimal or octal, or undefined (`%u` and `%o` of sscanf(3)). */
export function scanUnsigned(text: string, base: 8 | 10): number | undefined {
  const digits = (base === 8 ? /^[ \t-\r]*([+-]?)([0-7]+)$/ : /^[ \t-\r]*([+-]?)([0-9]+)$/).exec(text);
  if (digits === null) return undefined;
  const value = BigInt(base === 8 ? `0o${digits[2]}` : (digits[2] ?? '0'));
  // "-1" is the largest there is, and so is what is out of range, with or without a sign (strtoul(3))
  const long = value > ULONG_MAX ? ULONG_MAX : digits[1] === '-' ? -value : value;
  return Number(BigInt.asUintN(32, long));
}

/**
 * The index of the first `mark` outside brackets, or -1. The depth may go below zero, as it does in libwrap: behind a
 * `]` without a `[` nothing is outside any more.
 */
export function findOutside(text: string, mark: ':' | '@' | '/' | '\n', from = 0): number {
  const first = text.indexOf(mark, from);
  if (first < 0) return -1;
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    if (character === mark && depth === 0) return i;
    if (character === '[') depth++;
    else if (character === ']') depth--;
  }
  return -1;
}

/** A text as a part of a message: one line, nothing that a terminal would obey. */
export function show(text: string): string {
  return quote(Buffer.from(text, 'latin1'));
}

/** The UTF-8 that the bytes are; what is none of it becomes U+FFFD. */
export function toUtf8(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'latin1').toString('utf8');
  return text;
}
