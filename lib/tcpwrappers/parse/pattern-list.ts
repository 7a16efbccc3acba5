// The daemon list and the client list of a rule: words, EXCEPT, user@host, daemon@host.

import type {
  ClientPattern,
  DaemonPattern,
  HostPattern,
  Never,
  PatternFile,
  PatternList,
  TextPattern,
} from '../rule/pattern.ts';
import { networkWords, parseQuad, parseZoned } from '../../values/address.ts';
import { atoi, findOutside, fold, scanUnsigned } from '../text/latin1.ts';

/** Reads a word that is compared with a text; the first form that applies counts. */
function parseText(word: string): TextPattern {
  const text = fold(word);
  if (text === '') return { kind: 'never', why: 'empty' };
  if (text.includes('*') || text.includes('?')) return { kind: 'glob', text };
  if (text.startsWith('.')) return { kind: 'suffix', text };
  if (text === 'all') return { kind: 'all' };
  if (text === 'known') return { kind: 'known' };
  if (text.endsWith('.')) return { kind: 'prefix', text };
  if (text.startsWith('[') && text.endsWith(']')) {
    // not folded: names of interfaces are case-sensitive
    const address = parseZoned(word.slice(1, -1));
    return address === undefined ? { kind: 'never', why: 'address' } : { kind: 'address', address };
  }
  return { kind: 'equal', text };
}

const never = (why: Never): HostPattern => ({ kind: 'never', why });

// n.n.n.n/m.m.m.m or n.n.n.n/length
function parseNet4(netText: string, maskText: string): HostPattern {
  const net = parseQuad(netText);
  if (net === undefined) return never('net');
  let mask = parseQuad(maskText);
  if (mask === undefined) {
    const length = atoi(maskText);
    if (length < 1 || length > 32) return never(/^[0-9]+$/.test(maskText) ? 'mask-length' : 'mask');
    mask = (0xffffffff << (32 - length)) >>> 0;
  }
  // a masked address never equals a network with bits outside the mask
  if ((net & ~mask) !== 0) return never('host-bits');
  return { kind: 'net4', net, mask };
}

// [net]/length
function parseNet6(netText: string, lengthText: string): HostPattern {
  const net = parseZoned(netText);
  if (net === undefined) return never('net');
  const length = atoi(lengthText);
  if (length < 0 || length > 128) return never('prefix-length');
  const zone = net.zone === undefined ? {} : { zone: net.zone };
  // "64x" is 64, as everywhere in libwrap; but "x" is no length, although atoi(3) makes it 0
  if (length === 0 && !/^[+-]?0+$/.test(lengthText)) return { kind: 'doubtful', ...zone };
  return { kind: 'net6', net: networkWords(net.words, length), length, ...zone };
}

type OpenFile = (path: string) => PatternFile;

/** Reads a word that is compared with an endpoint; `openFile` gives the words of a `/file`. */
export function parseHost(word: string, openFile: OpenFile): HostPattern {
  if (word.startsWith('@')) return { kind: 'netgroup', group: word.slice(1) };
  if (word.startsWith('/')) return { kind: 'file', file: openFile(word) };
  const folded = fold(word);
  if (folded === 'known' || folded === 'local') return { kind: folded };
  const slash = findOutside(word, '/');
  if (slash < 0) return { kind: 'text', text: parseText(word), addressOnly: /^[0-9./]*$/.test(word) };
  const [net, length] = [word.slice(0, slash), word.slice(slash + 1)];
  return net.startsWith('[') ? parseNet6(net.slice(1, -1), length) : parseNet4(net, length);
}

// Words are separated by blanks, commas, CR and LF. VT and FF are part of a word. Indexes count from the start of the
// line, of which `text` begins at `begin`. A word is cut at its @, which is never its first character: "@group" is one.
function parseList<Pattern>(
  text: string,
  begin: number,
  parseWord: (at: number, last: string, first?: string) => Pattern,
): PatternList<Pattern> {
  const parts: Pattern[][] = [[]];
  for (const { 0: word, index } of text.matchAll(/[^, \t\r\n]+/g)) {
    const cut = findOutside(word, '@', 1);
    if (fold(word) === 'except') parts.push([]);
    else if (cut < 0) parts.at(-1)?.push(parseWord(begin + index, word));
    else parts.at(-1)?.push(parseWord(begin + index, word.slice(cut + 1), word.slice(0, cut)));
  }
  return parts;
}

function parseDaemonName(word: string): DaemonPattern['daemon'] {
  const port = scanUnsigned(word, 10);
  return port !== undefined && port <= 65535 ? { kind: 'port', port } : parseText(word);
}

/** Reads the list of daemons, the first field of a line. */
export function parseDaemons(field: string, openFile: OpenFile): PatternList<DaemonPattern> {
  return parseList(field, 0, (at, last, first) => {
    if (first === undefined) return { at, daemon: parseDaemonName(last) };
    return { at, daemon: parseDaemonName(first), host: parseHost(last, openFile) };
  });
}

/** Reads the list of clients, a field that begins at `begin` of a line. */
export function parseClients(field: string, begin: number, openFile: OpenFile): PatternList<ClientPattern> {
  return parseList(field, begin, (at, last, first) => {
    const host = parseHost(last, openFile);
    return first === undefined ? { at, host } : { at, host, user: parseText(first) };
  });
}
