// Which addresses a list of clients means: exactly, or at least and at most, because a host name has no known address.
// Pure.

import { maskLength, numbersNet } from '../check/cover.ts';
import type { ClientPattern, HostPattern, PatternList } from '../rule/pattern.ts';
import type { Words } from '../text/address.ts';
import { NOTHING, type Ranges, union, without } from './ranges.ts';

export interface Addresses {
  readonly ip4: Ranges;
  readonly ip6: Ranges;
}

/** What is certainly meant, and what may be meant. */
export interface Meant<Set> {
  readonly least: Set;
  readonly most: Set;
}

const NONE: Addresses = { ip4: NOTHING, ip6: NOTHING };
export const EVERYBODY: Addresses = {
  ip4: [{ first: 0n, last: (1n << 32n) - 1n }],
  ip6: [{ first: 0n, last: (1n << 128n) - 1n }],
};

function exactly(addresses: Addresses): Meant<Addresses> {
  return { least: addresses, most: addresses };
}

const UNTOLD: Meant<Addresses> = { least: NONE, most: EVERYBODY };

function network(net: bigint, length: number, bits: number): Ranges {
  const size = 1n << BigInt(bits - length);
  return [{ first: net, last: net + size - 1n }];
}

function fromWords(words: Words): bigint {
  let value = 0n;
  for (const word of words.padEnd(8, '\0')) value = (value << 16n) | BigInt(word.charCodeAt(0));
  return value;
}

/** The addresses of a word; calls `untranslated` for a word without known addresses. */
export function hostAddresses(pattern: HostPattern, untranslated: () => void): Meant<Addresses> {
  const untold = (): Meant<Addresses> => (untranslated(), UNTOLD);
  switch (pattern.kind) {
    case 'text': {
      const { text, addressOnly } = pattern;
      if (text.kind === 'all') return exactly(EVERYBODY);
      if (text.kind === 'never') return exactly(NONE);
      if (text.kind === 'address') {
        if (text.address.zone !== undefined) return untold();
        return exactly({ ip4: NOTHING, ip6: network(fromWords(text.address.words), 128, 128) });
      }
      const net = addressOnly ? numbersNet(text) : undefined;
      if (net !== undefined) return exactly({ ip4: network(BigInt(net.net), net.length, 32), ip6: NOTHING });
      // digits and dots that are no address match nobody
      return addressOnly && text.kind === 'equal' ? exactly(NONE) : untold();
    }
    case 'net4': {
      const length = maskLength(pattern.mask);
      return length === undefined
        ? untold()
        : exactly({ ip4: network(BigInt(pattern.net), length, 32), ip6: NOTHING });
    }
    case 'net6':
      if (pattern.zone !== undefined) return untold();
      return exactly({ ip4: NOTHING, ip6: network(fromWords(pattern.net), pattern.length, 128) });
    case 'file':
      return fileAddresses(pattern, untranslated);
    case 'never':
      return exactly(NONE);
    case 'known':
    case 'local':
    case 'doubtful':
    case 'netgroup':
      return untold();
    default:
      return pattern satisfies never;
  }
}

function fileAddresses(
  { file }: Extract<HostPattern, { kind: 'file' }>,
  untranslated: () => void,
): Meant<Addresses> {
  if (file.broken !== undefined) return (untranslated(), UNTOLD);
  return join(file.patterns.map((pattern) => hostAddresses(pattern, untranslated)));
}

function join(all: readonly Meant<Addresses>[]): Meant<Addresses> {
  const unite = (bound: 'least' | 'most'): Addresses => ({
    ip4: union(all.map((one) => one[bound].ip4)),
    ip6: union(all.map((one) => one[bound].ip6)),
  });
  return { least: unite('least'), most: unite('most') };
}

export function less(a: Addresses, b: Addresses): Addresses {
  return { ip4: without(a.ip4, b.ip4), ip6: without(a.ip6, b.ip6) };
}

/** The addresses of a list of clients; calls `untranslated` with the index of each word without known addresses. */
export function clientAddresses(
  clients: PatternList<ClientPattern>,
  untranslated: (at: number) => void,
): Meant<Addresses> {
  // at least: minus the most that is excepted; at most: minus the least
  return clients.reduceRight<Meant<Addresses>>((excepted, part) => {
    const { least, most } = join(part.map((word) => wordAddresses(word, untranslated)));
    return { least: less(least, excepted.most), most: less(most, excepted.least) };
  }, exactly(NONE));
}

function wordAddresses(
  { at, host, user }: ClientPattern,
  untranslated: (at: number) => void,
): Meant<Addresses> {
  const meant = hostAddresses(host, () => untranslated(at));
  if (user === undefined || user.kind === 'all') return meant;
  untranslated(at);
  // only some users of these hosts
  return { least: NONE, most: meant.most };
}

export function isNobody({ ip4, ip6 }: Addresses): boolean {
  return ip4.length === 0 && ip6.length === 0;
}
