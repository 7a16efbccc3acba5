// Problems of the words in a rule's lists. Pure. parse/notices.ts has already reported words that never match.

import type { HostPattern, PatternList, TextPattern } from '../rule/pattern.ts';
import { type Rule, wordText } from '../rule/rule-table.ts';
import { formatQuad, parseQuad, parseZoned } from '../text/address.ts';
import { findOutside, show } from '../text/latin1.ts';
import { finding, type Told } from './catalog.ts';

function* tellList<Word>(list: PatternList<Word>, at: number, name: string): Generator<Told, void> {
  const [first = [], ...excepted] = list;
  if (first.length === 0)
    yield finding('empty-list', at, `the list of ${name} is empty: the rule matches nobody`);
  else if (excepted.some((part) => part.length === 0))
    yield finding('empty-except', at, `an EXCEPT in the list of ${name} has no words behind it`);
}

// Characters that separate words in other files, or look like a blank.
function* tellWord(word: string, at: number): Generator<Told, void> {
  const odd = /[;|\v\f]|\xc2\xa0/.exec(word);
  if (odd === null) return;
  const shown = /[;|]/.test(odd[0]) ? `"${odd[0]}"` : 'blank of another kind';
  yield finding(
    'odd-separator',
    at + odd.index,
    `a ${shown} does not separate words; it is part of this one`,
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

function fail(at: number): Told {
  return finding('reserved-word', at, 'FAIL is no longer recognized', 'write EXCEPT, or the option deny');
}

const RESERVED: ReadonlySet<string> = new Set(['unknown', 'paranoid', 'local', 'known']);

function* tellDaemon(name: string, pattern: TextPattern, at: number): Generator<Told, void> {
  if (isAddressWord(name)) {
    yield finding('swapped-lists', at, `the address ${show(name)} stands in the list of daemons`);
    return;
  }
  const odd = (why: string): Told => finding('odd-daemon', at, `the name of the daemon ${why}`);
  if (pattern.kind === 'known' || (pattern.kind === 'equal' && RESERVED.has(pattern.text)))
    yield finding('reserved-word', at, `${show(name)} has a meaning for clients only; here it is a name`);
  if (name.toUpperCase() === 'FAIL') yield fail(at);
  if (name.startsWith('@')) yield odd('begins with "@"');
  else if (name.startsWith('/')) yield odd('begins with "/": it is compared as it stands');
  else if (pattern.kind === 'suffix') yield odd('begins with a dot');
  else if (pattern.kind === 'prefix') yield odd('ends in a dot');
}

function* tellUser(name: string, pattern: TextPattern, at: number): Generator<Told, void> {
  if (pattern.kind === 'equal' && RESERVED.has(pattern.text) && pattern.text !== 'unknown')
    yield finding('reserved-word', at, `${show(name)} has a meaning for hosts only; here it is a name`);
  if (pattern.kind === 'suffix' || pattern.kind === 'prefix')
    yield finding('reserved-word', at, 'a user name with a dot at one end matches many names');
}

// Words of digits, dots and slashes are compared with the address only.
function* tellNumbers(text: TextPattern, at: number): Generator<Told, void> {
  if (text.kind === 'suffix')
    yield finding(
      'dot-before-network',
      at,
      'it matches addresses that end so',
      `write ${text.text.slice(1)}.`,
    );
  if (text.kind !== 'equal') return;
  const quad = parseQuad(text.text);
  const plain = quad === undefined ? undefined : formatQuad(BigInt(quad));
  const remedy = plain === undefined ? undefined : `write ${plain}`;
  if (plain !== text.text)
    yield finding('incomplete-address', at, `${text.text} is no complete address: it matches nobody`, remedy);
}

// ::ffff:0:0/96: libwrap compares such clients as IPv4 addresses.
const MAPPED = '\0\0\0\0\0\uffff';

// Reports bits of [net]/length that do not count.
function* tellNet6(word: string, net: string, at: number): Generator<Told, void> {
  const written = parseZoned(word.slice(1, word.indexOf(']')))?.words;
  if (written !== undefined && written !== net.padEnd(8, '\0'))
    yield finding('ipv6-host-bits', at, 'bits of the network behind its prefix do not count');
}

// Reports wildcards in what was meant as an address.
function* tellGlob(text: string, at: number): Generator<Told, void> {
  if (!/^[0-9.*?]*[0-9][0-9.*?]*$/.test(text)) return;
  // 10.* and 10.*.*.* mean 10.
  const prefix = /^((?:[0-9]+\.){1,3})\*(?:\.\*)*$/.exec(text)?.[1];
  const remedy = prefix === undefined ? undefined : `write ${prefix}`;
  yield finding('glob-matches-names', at, 'it also matches host names of this form', remedy);
}

/** Checks a word that is compared with an endpoint. */
export function* tellHost(pattern: HostPattern, word: string, at: number): Generator<Told, void> {
  if (pattern.kind === 'net6') yield* tellNet6(word, pattern.net, at);
  if (pattern.kind === 'net6' && pattern.net.startsWith(MAPPED))
    yield finding('mapped-address', at, 'a network of IPv4 addresses in IPv6 form matches nobody');
  if (pattern.kind === 'netgroup')
    yield finding('netgroup-unsupported', at, `@${show(pattern.group)} matches nobody in Debian's libwrap`);
  if (pattern.kind !== 'text') return;
  const { text, addressOnly } = pattern;
  if (addressOnly) yield* tellNumbers(text, at);
  else if (text.kind === 'prefix')
    yield finding('dot-behind-name', at, 'a name that ends in a dot matches all names that begin so');
  else if (text.kind === 'glob') yield* tellGlob(text.text, at);
  else if (text.kind === 'equal' && text.text === 'fail') yield fail(at);
  else if (text.kind === 'address' && text.address.words.startsWith(MAPPED))
    yield finding('mapped-address', at, 'an IPv4 address in IPv6 form matches nobody');
}

/** The index behind the @ of user@host; 0 if there is none. */
function cutOf(word: string): number {
  return word.length < 2 ? 0 : findOutside(word, '@', 1) + 1;
}

// A # before a word was meant to begin a comment; the words behind it are not checked.
function findComment(text: string, end: number): number {
  const found = /(?:^|[, \t])#/.exec(text.slice(0, end));
  return found === null ? -1 : found.index + found[0].length - 1;
}

/** Checks the words of a rule. */
export function* tellWords(rule: Rule): Generator<Told, void> {
  const { text, daemons, clients } = rule;
  const colon = findOutside(text, ':');
  const second = findOutside(text, ':', colon + 1);
  const comment = findComment(text, second < 0 ? text.length : second);
  if (comment >= 0)
    yield finding('trailing-comment', comment, 'the # begins no comment: what follows are patterns');
  const isSeen = ({ at }: { readonly at: number }) => comment < 0 || at < comment;
  yield* tellList(daemons, 0, 'daemons');
  yield* tellList(clients, colon + 1, 'clients');
  for (const { at, daemon, host } of daemons.flat().filter(isSeen)) {
    const word = wordText(rule, at);
    const cut = cutOf(word);
    yield* tellWord(word, at);
    if (daemon.kind !== 'port') yield* tellDaemon(cut > 0 ? word.slice(0, cut - 1) : word, daemon, at);
    if (host !== undefined) yield* tellHost(host, word.slice(cut), at + cut);
  }
  for (const { at, host, user } of clients.flat().filter(isSeen)) {
    const word = wordText(rule, at);
    const cut = cutOf(word);
    yield* tellWord(word, at);
    if (user !== undefined) yield* tellUser(word.slice(0, Math.max(0, cut - 1)), user, at);
    yield* tellHost(host, word.slice(cut), at + cut);
  }
}
