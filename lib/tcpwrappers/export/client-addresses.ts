// Which addresses a list of clients means: exactly, or at least and at most, because a host name has no known address.
// Pure.

import { maskLength, numbersNet } from '../check/cover.ts';
import type { ClientPattern, HostPattern, PatternFile, PatternList } from '../rule/pattern.ts';
import type { Words } from '../text/address.ts';
import { Algebra, type Meant, type Ranges, type Sets } from './ranges.ts';

export type Addresses = Sets<'ip4' | 'ip6'>;

export const ADDRESSES = new Algebra(['ip4', 'ip6']);
const { nothing } = ADDRESSES;

export const EVERYBODY: Addresses = {
  ip4: [{ first: 0n, last: (1n << 32n) - 1n }],
  ip6: [{ first: 0n, last: (1n << 128n) - 1n }],
};

function exactly(addresses: Addresses): Meant<Addresses> {
  return { least: addresses, most: addresses };
}

function network(net: bigint, length: number, bits: number): Ranges {
  const size = 1n << BigInt(bits - length);
  return [{ first: net, last: net + size - 1n }];
}

function network4(net: number, length: number): Meant<Addresses> {
  return exactly({ ...nothing, ip4: network(BigInt(net), length, 32) });
}

function network6(words: Words, length: number): Meant<Addresses> {
  let net = 0n;
  for (const word of words.padEnd(8, '\0')) net = (net << 16n) | BigInt(word.charCodeAt(0));
  return exactly({ ...nothing, ip6: network(net, length, 128) });
}

/** The addresses of a word; calls `untranslated` for a word without known addresses. */
export function hostAddresses(pattern: HostPattern, untranslated: () => void): Meant<Addresses> {
  const unknown = (): Meant<Addresses> => (untranslated(), { least: nothing, most: EVERYBODY });
  switch (pattern.kind) {
    case 'text': {
      const { text, addressOnly } = pattern;
      if (text.kind === 'all') return exactly(EVERYBODY);
      if (text.kind === 'never') return exactly(nothing);
      if (text.kind === 'address')
        return text.address.zone === undefined ? network6(text.address.words, 128) : unknown();
      const net = addressOnly ? numbersNet(text) : undefined;
      if (net !== undefined) return network4(net.net, net.length);
      // digits and dots that are no address match nobody
      return addressOnly && text.kind === 'equal' ? exactly(nothing) : unknown();
    }
    case 'net4': {
      const length = maskLength(pattern.mask);
      return length === undefined ? unknown() : network4(pattern.net, length);
    }
    case 'net6':
      return pattern.zone === undefined ? network6(pattern.net, pattern.length) : unknown();
    case 'file':
      return pattern.file.broken === undefined ? fileAddresses(pattern.file, untranslated) : unknown();
    case 'never':
      return exactly(nothing);
    case 'known':
    case 'local':
    case 'doubtful':
    case 'netgroup':
      return unknown();
    default:
      return pattern satisfies never;
  }
}

function fileAddresses({ patterns }: PatternFile, untranslated: () => void): Meant<Addresses> {
  return ADDRESSES.join(patterns.map((pattern) => hostAddresses(pattern, untranslated)));
}

/** The addresses of a list of clients; calls `untranslated` with the index of each word without known addresses. */
export function clientAddresses(
  clients: PatternList<ClientPattern>,
  untranslated: (at: number) => void,
): Meant<Addresses> {
  const wordAddresses = ({ at, host, user }: ClientPattern): Meant<Addresses> => {
    const meant = hostAddresses(host, () => untranslated(at));
    if (user === undefined || user.kind === 'all') return meant;
    untranslated(at);
    // only some users of these hosts
    return { least: nothing, most: meant.most };
  };
  return ADDRESSES.except(clients.map((part) => ADDRESSES.join(part.map(wordAddresses))));
}
