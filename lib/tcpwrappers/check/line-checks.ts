// Problems of a line before it is parsed as a rule. Pure.

import type { Line } from '../parse/logical-line.ts';
import { parseZoned } from '../text/address.ts';
import { findOutside, show } from '../text/latin1.ts';
import { finding, type Told } from './catalog.ts';

function* tellComment({ text, pieces = [] }: Line): Generator<Told, void> {
  const [, second] = pieces;
  // a blank line or a comment may be swallowed without harm
  if (second !== undefined && /^\s*[^\s#]/.test(text.slice(second.at)))
    yield finding(
      'comment-continues',
      second.at,
      'the comment before ends in a backslash and includes this line',
    );
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
    yield finding('byte-order-mark', 0, 'the file begins with a byte order mark');
  if (/\\[ \t\r]+$/.test(text))
    yield finding(
      'no-continuation',
      text.lastIndexOf('\\'),
      'a blank or CR behind the backslash ends the rule',
    );
  const second = findOutside(text, ':', findOutside(text, ':') + 1);
  const lists = second < 0 ? text : text.slice(0, second);
  const bracket = findUnbalanced(lists);
  if (bracket >= 0) yield finding('unbalanced-brackets', bracket, `"${lists[bracket]}" has no counterpart`);
  const bare = findBareAddress(text);
  if (bare !== undefined) {
    const [address = '', ...length] = bare.address.split('/');
    const message = `${show(bare.address)} is not in brackets: the rule is cut at its colons`;
    const remedy = `write ${show([`[${address}]`, ...length].join('/'))}`;
    yield finding('unbracketed-ipv6', bare.at, message, remedy);
  }
}

/** Checks one line. */
export function tellLine(line: Line): Iterable<Told> {
  if (line.text.startsWith('#')) return tellComment(line);
  return line.text.trim() === '' ? [] : tellText(line);
}
