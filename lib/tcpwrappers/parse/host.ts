// Words that are compared with an endpoint: of the client list, and behind the @ of a daemon.

import type { HostPattern, Never, PatternFile } from '../rule/pattern.ts';
import { parseText } from '../rule/text-pattern.ts';
import { networkWords, parseQuad, parseZoned } from '../text/address.ts';
import { findOutside } from '../text/field.ts';
import { fold } from '../text/fold.ts';
import { atoi } from '../text/number.ts';

function never(why: Never): HostPattern {
  return { kind: 'never', why };
}

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
  // an address masked can only equal what has no bit outside the mask
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
  // "64x" is 64, as everywhere in libwrap; what is 0 only because it begins with no number is no length
  if (length === 0 && !/^[+-]?0+$/.test(lengthText)) return { kind: 'doubtful', ...zone };
  return { kind: 'net6', net: networkWords(net.words, length), length, ...zone };
}

function parseNet(netText: string, lengthText: string): HostPattern {
  return netText.startsWith('[') && netText.endsWith(']')
    ? parseNet6(netText.slice(1, -1), lengthText)
    : parseNet4(netText, lengthText);
}

/** Reads a word; `openFile` gives what a `/file` holds. */
export function parseHost(word: string, openFile: (path: string) => PatternFile): HostPattern {
  if (word.startsWith('@')) return { kind: 'netgroup', group: word.slice(1) };
  if (word.startsWith('/')) return { kind: 'file', file: openFile(word) };
  const folded = fold(word);
  if (folded === 'known') return { kind: 'known' };
  if (folded === 'local') return { kind: 'local' };
  const slash = findOutside(word, '/');
  if (slash >= 0) return parseNet(word.slice(0, slash), word.slice(slash + 1));
  return { kind: 'text', text: parseText(word), addressOnly: /^[0-9./]*$/.test(word) };
}
