// Problems of a line, and of the words in the lists of a rule. Pure. parse/notices.ts has already reported words that
// never match.

import { basename } from 'node:path';

import type { Line } from '../parse/logical-line.ts';
import type { HostPattern, PatternList, TextPattern } from '../rule/pattern.ts';
import { type Rule, wordText } from '../rule/rule-table.ts';
import { formatQuad, parseQuad, parseZoned } from '../../values/address.ts';
import { findOutside, show } from '../text/latin1.ts';
import type { Tell } from './catalog.ts';
import { coverClient, coverDaemon, type Cover } from './cover.ts';
import { checkForeign, checkForeignDaemon, findPort } from './foreign-words.ts';

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

export function checkLine({ text, line, pieces = [] }: Line, tell: Tell): void {
  if (text.startsWith('#')) {
    const [, second] = pieces;
    // a blank line or a comment may be swallowed without harm
    if (second !== undefined && /^\s*[^\s#]/.test(text.slice(second.at)))
      tell('comment-continues', second.at, 'the comment before ends in a backslash and includes this line');
    return;
  }
  if (text.trim() === '') return;
  if (line === 1 && text.startsWith('\xef\xbb\xbf'))
    tell('byte-order-mark', 0, 'the file begins with a byte order mark');
  if (/\\[ \t\r]+$/.test(text))
    tell('no-continuation', text.lastIndexOf('\\'), 'a blank or CR behind the backslash ends the rule');
  const second = findOutside(text, ':', findOutside(text, ':') + 1);
  const lists = second < 0 ? text : text.slice(0, second);
  const bracket = findUnbalanced(lists);
  if (bracket >= 0) tell('unbalanced-brackets', bracket, `"${lists[bracket]}" has no counterpart`);
  const port = findPort(text);
  if (port !== undefined) tell('odd-separator', port.at, port.why, `write ${show(port.rule)}`);
  const bare = findBareAddress(text);
  if (bare === undefined) return;
  const [address = '', ...length] = bare.address.split('/');
  const message = `${show(bare.address)} is not in brackets: the rule is cut at its colons`;
  tell('unbracketed-ipv6', bare.at, message, `write ${show([`[${address}]`, ...length].join('/'))}`);
}

function checkList<W>(
  [first = [], ...excepted]: PatternList<W & { readonly at: number }>,
  at: number,
  name: string,
  coverOf: (word: W) => Cover | undefined,
  tell: Tell,
): void {
  const [outer = [], inner] = excepted;
  const [word] = inner ?? [];
  if (first.length === 0) tell('empty-list', at, `the list of ${name} is empty: the rule matches nobody`);
  else if (excepted.some((part) => part.length === 0))
    tell('empty-except', at, `an EXCEPT in the list of ${name} has no words behind it`);
  else if (word !== undefined && inner?.every((each) => !isAmong(coverOf(each), outer.map(coverOf))) === true)
    tell('idle-except', word.at, 'the second EXCEPT has no effect: it only takes back words of the first');
}

// Addresses and networks are compared with each other, and names with each other.
const kindOf = ({ own }: Cover): 'net' | 'name' | undefined =>
  own.startsWith('net4 ') || own.startsWith('net6 ')
    ? 'net'
    : /^(?:equal|suffix) /.test(own)
      ? 'name'
      : undefined;

// Whether one of these words may cover another.
function isAmong(cover: Cover | undefined, words: readonly (Cover | undefined)[]): boolean {
  if (cover === undefined) return true;
  const kind = kindOf(cover);
  return words.some(
    (word) =>
      word === undefined || kind === undefined || kindOf(word) !== kind || cover.wider.includes(word.own),
  );
}

/** Whether a word is an address, a network, or the beginning of an address: no daemon has such a name. */
export function isAddressWord(word: string): boolean {
  const [net = ''] = word.split('/', 1);
  return (
    parseQuad(net) !== undefined ||
    /^(?:[0-9]+\.){1,3}$/.test(word) ||
    /^\[[0-9a-f:.]*:[0-9a-f:.]*\]/i.test(word)
  );
}

function tellFail(at: number, tell: Tell): void {
  tell('reserved-word', at, 'FAIL is no longer recognized', 'write EXCEPT, or the option deny');
}

const RESERVED: ReadonlySet<string> = new Set(['unknown', 'paranoid', 'local', 'known']);

function checkDaemon(name: string, pattern: TextPattern, at: number, tell: Tell): void {
  if (isAddressWord(name))
    return tell('swapped-lists', at, `the address ${show(name)} stands in the list of daemons`);
  const odd = (why: string, remedy?: string): void =>
    tell('odd-daemon', at, `the name of the daemon ${why}`, remedy);
  if (pattern.kind === 'known' || (pattern.kind === 'equal' && RESERVED.has(pattern.text)))
    tell('reserved-word', at, `${show(name)} has a meaning for clients only; here it is a name`);
  if (name.toUpperCase() === 'FAIL') tellFail(at, tell);
  checkForeignDaemon(name, at, tell);
  if (name.startsWith('@')) odd('begins with "@"');
  else if (name.startsWith('/'))
    odd('begins with "/": it is compared as it stands', `write ${show(basename(name))}`);
  else if (pattern.kind === 'suffix') odd('begins with a dot');
  else if (pattern.kind === 'prefix') odd('ends in a dot');
  return undefined;
}

// Words of digits, dots and slashes are compared with the address only.
function checkNumbers(pattern: TextPattern, at: number, tell: Tell): void {
  if (pattern.kind === 'suffix')
    tell('dot-before-network', at, 'it matches addresses that end so', `write ${pattern.text.slice(1)}.`);
  if (pattern.kind !== 'equal') return;
  const { text } = pattern;
  const quad = parseQuad(text);
  const plain = quad === undefined ? undefined : formatQuad(BigInt(quad));
  // the beginning of an address, without the dot that makes it one
  const prefix = /^(?:[0-9]{1,3}\.){0,2}[0-9]{1,3}$/.test(text) ? `${text}.` : undefined;
  const meant = plain ?? prefix;
  const remedy = meant === undefined ? undefined : `write ${meant}`;
  if (plain !== text)
    tell('incomplete-address', at, `${text} is no complete address: it matches nobody`, remedy);
  else if (/[1-9].*\.0$/.test(text))
    tell('network-address', at, `${text} is one host`, `write ${text.replace(/(?:\.0)+$/, '.')}`);
}

// ::ffff:0:0/96: libwrap compares such clients as IPv4 addresses.
const MAPPED = '\0\0\0\0\0\uffff';

/** Checks a word that is compared with an endpoint. */
export function checkHost(pattern: HostPattern, word: string, at: number, tell: Tell): void {
  if (pattern.kind === 'net6') {
    const written = parseZoned(word.slice(1, word.indexOf(']')))?.words;
    if (written !== undefined && written !== pattern.net.padEnd(8, '\0'))
      tell('ipv6-host-bits', at, 'bits of the network behind its prefix do not count');
    if (pattern.net.startsWith(MAPPED))
      tell('mapped-address', at, 'a network of IPv4 addresses in IPv6 form matches nobody');
  }
  if (pattern.kind === 'netgroup')
    tell('netgroup-unsupported', at, `@${show(pattern.group)} matches nobody in Debian's libwrap`);
  if (pattern.kind !== 'text') return;
  const { text, addressOnly } = pattern;
  if (addressOnly) checkNumbers(text, at, tell);
  else if (text.kind === 'prefix')
    tell('dot-behind-name', at, 'a name that ends in a dot matches all names that begin so');
  else if (text.kind === 'glob' && /^[0-9.*?]*[0-9][0-9.*?]*$/.test(text.text)) {
    // 10.* and 10.*.*.* mean 10.
    const prefix = /^((?:[0-9]+\.){1,3})\*(?:\.\*)*$/.exec(text.text)?.[1];
    const remedy = prefix === undefined ? undefined : `write ${prefix}`;
    tell('glob-matches-names', at, 'it also matches host names of this form', remedy);
  } else if (text.kind === 'equal' && text.text === 'fail') tellFail(at, tell);
  else if (text.kind === 'equal') checkForeign(word, at, tell);
  else if (text.kind === 'address' && text.address.words.startsWith(MAPPED))
    tell('mapped-address', at, 'an IPv4 address in IPv6 form matches nobody');
}

export function checkWords(rule: Rule, tell: Tell): void {
  const { text, daemons, clients } = rule;
  const colon = findOutside(text, ':');
  const second = findOutside(text, ':', colon + 1);
  // a # before a word was meant to begin a comment; the words behind it are not checked
  const found = /(?:^|[, \t])#/.exec(text.slice(0, second < 0 ? text.length : second));
  const comment = found === null ? Infinity : found.index + found[0].length - 1;
  if (found !== null) tell('trailing-comment', comment, 'the # begins no comment: what follows are patterns');
  checkList(daemons, 0, 'daemons', coverDaemon, tell);
  checkList(clients, colon + 1, 'clients', coverClient, tell);
  for (const pattern of [...daemons.flat(), ...clients.flat()]) {
    const { at, host } = pattern;
    if (at >= comment) continue;
    const word = wordText(rule, at);
    // behind the @ of user@host; 0 if there is none
    const cut = word.length < 2 ? 0 : findOutside(word, '@', 1) + 1;
    const name = word.slice(0, Math.max(0, cut - 1));
    // characters that separate words in other files, or look like a blank
    const odd = /[;|"'\v\f]|\xc2\xa0/.exec(word);
    if (odd !== null && /["']/.test(odd[0]))
      tell(
        'odd-separator',
        at + odd.index,
        'words have no quotation marks: they are part of this one',
        `write ${show(word.replaceAll(/["']/g, ''))}`,
      );
    else if (odd !== null) {
      const shown = /[;|]/.test(odd[0]) ? `"${odd[0]}"` : 'blank of another kind';
      tell('odd-separator', at + odd.index, `a ${shown} does not separate words; it is part of this one`);
    }
    if (!('daemon' in pattern)) {
      const { user } = pattern;
      if (user?.kind === 'equal' && RESERVED.has(user.text) && user.text !== 'unknown')
        tell('reserved-word', at, `${show(name)} has a meaning for hosts only; here it is a name`);
      if (user?.kind === 'suffix' || user?.kind === 'prefix')
        tell('reserved-word', at, 'a user name with a dot at one end matches many names');
    } else if (pattern.daemon.kind !== 'port') checkDaemon(cut > 0 ? name : word, pattern.daemon, at, tell);
    if (host !== undefined) checkHost(host, word.slice(cut), at + cut, tell);
  }
}
