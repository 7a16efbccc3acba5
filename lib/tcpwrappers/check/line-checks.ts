// Problems of a line before it is parsed as a rule. Pure.

import type { Line } from '../parse/logical-line.ts';
import { parseZoned } from '../text/address.ts';
import { findOutside, show } from '../text/latin1.ts';
import type { Told } from './catalog.ts';

// The line was meant to continue.
const BACKSLASH_AND_BLANK = /\\[ \t\r]+$/;

function* tellComment({ text, pieces = [] }: Line): Generator<Told, void> {
  const [, second] = pieces;
  // a blank line or a comment may be swallowed without harm
  if (second !== undefined && /^\s*[^\s#]/.test(text.slice(second.at)))
    yield {
      rule: 'comment-continues',
      at: second.at,
      message: 'the comment before it ends in a backslash, and this line is part of it',
    };
}

// The first bracket without a counterpart; findOutside() counts the same way.
function findUnbalanced(text: string): number {
  let opened = -1;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '[') {
      if (opened >= 0) return i;
      opened = i;
    } else if (text[i] === ']') {
      if (opened < 0) return i;
      opened = -1;
    }
  }
  return opened;
}

/** An IPv6 address without brackets at whose colons the rule is cut, if there is one. */
export function findBareAddress(text: string): { readonly at: number; readonly address: string } | undefined {
  const colon = findOutside(text, ':');
  const cut = colon < 0 ? -1 : findOutside(text, ':', colon + 1);
  if (cut < 0) return undefined;
  for (const { 0: word, index } of text.slice(colon + 1).matchAll(/[^, \t\r\n]+/g)) {
    const begin = colon + 1 + index;
    if (begin > cut) return undefined;
    if (begin + word.length <= cut) continue;
    const address = word.replace(/^[^@]+@/, '').replace(/:+$/, (colons) => (colons === '::' ? colons : ''));
    if (parseZoned(address.replace(/\/[0-9]*$/, '')) !== undefined)
      return { at: begin + word.indexOf(address), address };
  }
  return undefined;
}

function* tellText(line: Line): Generator<Told, void> {
  const { text } = line;
  if (line.line === 1 && text.startsWith('\xef\xbb\xbf'))
    yield { rule: 'byte-order-mark', at: 0, message: 'the file begins with a byte order mark' };
  if (BACKSLASH_AND_BLANK.test(text))
    yield {
      rule: 'no-continuation',
      at: text.lastIndexOf('\\'),
      message: 'a blank or CR follows the backslash: the next line is a rule of its own',
    };
  const second = findOutside(text, ':', findOutside(text, ':') + 1);
  const lists = second < 0 ? text : text.slice(0, second);
  const bracket = findUnbalanced(lists);
  if (bracket >= 0)
    yield { rule: 'unbalanced-brackets', at: bracket, message: `"${lists[bracket]}" without its other` };
  const bare = findBareAddress(text);
  if (bare !== undefined) {
    const [address = '', ...length] = bare.address.split('/');
    yield {
      rule: 'unbracketed-ipv6',
      at: bare.at,
      message: `${show(bare.address)} is not in brackets: the rule is cut at its colons, and matches nobody it means`,
      remedy: `write ${show([`[${address}]`, ...length].join('/'))}`,
    };
  }
}

/** Checks one line. */
export function* tellLine(line: Line): Generator<Told, void> {
  if (line.text.startsWith('#')) yield* tellComment(line);
  else if (line.text.trim() !== '') yield* tellText(line);
}
