// Texts with one byte a character (latin1), read as the C library and libwrap read them.

import { quote } from '../../words/quote.ts';

/** Lower case of ASCII letters only, as strcasecmp(3) in the C locale. Bytes above 0x7f do not change. */
export const fold = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** Trims white space as isspace(3) in the C locale; String.prototype.trim would take more. */
export function chop(text: string): string {
  return text.slice(skipBlanks(text, 0)).replace(/(?<![ \t-\r])[ \t-\r]+$/, '');
}

/** The index of the first character from `from` on that is not white space, or the length. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\v\f\r'.includes(text.charAt(at))) at++;
  return at;
}

const LONG_MAX = 2n ** 63n - 1n;
const ULONG_MAX = 2n ** 64n - 1n;

/** The number at the start of a word, wrapped to an int; 0 if there is none (atoi(3)). */
export function atoi(text: string): number {
  const [, sign = '', digits = '0'] = /^[ \t-\r]*([+-]?)([0-9]+)/.exec(text) ?? [];
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  // strtol(3) returns the nearest value for a number out of range
  const long = value > LONG_MAX ? LONG_MAX : value < -LONG_MAX - 1n ? -LONG_MAX - 1n : value;
  return Number(BigInt.asIntN(32, long));
}

/** A word that is an int as a whole, or undefined (`%d` of sscanf(3)). */
export function scanInt(text: string): number | undefined {
  return /^[ \t-\r]*[+-]?[0-9]+$/.test(text) ? atoi(text) : undefined;
}

/** A word that is an unsigned int as a whole, or undefined (`%u` and `%o` of sscanf(3)). */
export function scanUnsigned(text: string, base: 8 | 10): number | undefined {
  const number = base === 8 ? /^[ \t-\r]*([+-]?)([0-7]+)$/ : /^[ \t-\r]*([+-]?)([0-9]+)$/;
  const [, sign, digits] = number.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt(base === 8 ? `0o${digits}` : digits);
  // out of range is the maximum, with or without a sign (strtoul(3))
  const long = value > ULONG_MAX ? ULONG_MAX : sign === '-' ? -value : value;
  return Number(BigInt.asUintN(32, long));
}

/**
 * The index of the first `mark` outside brackets, or -1. As in libwrap, the depth may go below zero: behind a `]`
 * without a `[` nothing counts as outside.
 */
export function findOutside(text: string, mark: ':' | '@' | '/' | '\n', from = 0): number {
  const last = text.lastIndexOf(mark);
  let depth = 0;
  for (let i = from; i <= last; i++) {
    const character = text[i];
    if (character === mark && depth === 0) return i;
    if (character === '[') depth++;
    else if (character === ']') depth--;
  }
  return -1;
}

/** A text for a message: one line, without control characters for a terminal. */
export const show = (text: string): string => quote(Buffer.from(text, 'latin1'));

/** The text decoded as UTF-8; invalid bytes become U+FFFD. */
export function toUtf8(text: string): string {
  return /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}
