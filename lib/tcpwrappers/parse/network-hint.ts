// The network that a word most likely stands for, for the hint about one that matches nobody. Pure.

import { isIPv4, isIPv6 } from 'node:net';

import { formatQuad } from '../text/address.ts';

// Up to four parts, with stars or nothing for what is missing at the end.
function parts(word: string): readonly number[] | undefined {
  const plain = word.replace(/(?:\.\*?)*$/, '');
  const numbers = plain.split('.').map(Number);
  const isQuad = /^[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}$/.test(plain) && numbers.every((part) => part <= 255);
  return isQuad ? numbers : undefined;
}

const toNumber = (numbers: readonly number[]): number =>
  [0, 1, 2, 3].reduce((all, i) => all * 256 + (numbers[i] ?? 0), 0);

/** For brackets round what is no address of IPv6: one of IPv4, or a network with its length; undefined for anything else. */
export function bracketHint(word: string): string | undefined {
  const [, inner = '', length] = /^\[([0-9a-f.:]+)(?:\/([0-9]{1,3}))?\]$/i.exec(word) ?? [];
  if (isIPv4(inner)) return `write ${inner}${length === undefined ? '' : `/${length}`}`;
  return isIPv6(inner) && length !== undefined ? `write [${inner}]/${length}` : undefined;
}

/** `write NETWORK/MASK`; undefined if the word tells no network. */
export function networkHint(word: string): string | undefined {
  const [net = '', mask = '', ...more] = word.split('/');
  const address = parts(net);
  const length = /^[0-9]+$/.test(mask) ? Number(mask) : undefined;
  const quad = length === undefined ? parts(mask) : undefined;
  if (address === undefined || (length === undefined && quad === undefined) || more.length > 0)
    return undefined;
  if (length !== undefined && (length < 1 || length > 32)) return undefined;
  // the mask of a router, whose bits are those of the host: 0.0.0.255
  const given = toNumber(quad ?? []);
  const isOfHost = given !== 0 && Number.isInteger(Math.log2(given + 1));
  const bits =
    length === undefined
      ? isOfHost && given < 2 ** 31
        ? ~given >>> 0
        : given
      : (0xffffffff << (32 - length)) >>> 0;
  const shown = length === undefined ? formatQuad(BigInt(bits)) : length;
  return bits === 0 ? undefined : `write ${formatQuad(BigInt((toNumber(address) & bits) >>> 0))}/${shown}`;
}
