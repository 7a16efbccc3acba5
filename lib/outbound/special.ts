// Addresses that are not simply hosts of the internet: the registries of special-purpose addresses of IANA (RFC 6890), and services of
// clouds at public addresses. Pure.
import { fromOctets, isMapped, networkWords, parseAddress, toOctets, type Words } from '../values/address.ts';

/** A network: the words of an address, and how many bits of them count. */
export interface Net {
  readonly words: Words;
  readonly length: number;
}

/** Whether all of `inner` lies in `outer`. IPv4 addresses lie in no network of IPv6 that is wider than their own range: [::/0] has none. */
export const holds = (outer: Net, inner: Net): boolean =>
  inner.length >= outer.length &&
  (outer.length >= 96 || !isMapped(inner.words)) &&
  networkWords(inner.words, outer.length) === networkWords(outer.words, outer.length);

/** The network of a text that is known to be right. */
function known(text: string): Net {
  const [address = '', length = ''] = text.split('/');
  const words = parseAddress(address) ?? '';
  return { words, length: Number(length) + (address.includes(':') ? 0 : 96) };
}

/** Of a special address. */
export interface Special {
  readonly net: Net;
  /** What it is: `a private network`. */
  readonly title: string;
  /** No entry allows it. */
  readonly isClosed: boolean;
}

const rows = (title: string, texts: string, isClosed = false): readonly Special[] =>
  texts.split(' ').map((text) => ({ net: known(text), title, isClosed }));

const specials: readonly Special[] = [
  ...rows('no address of a host', '0.0.0.0/8 ::/128', true),
  ...rows('the loopback of the host', '127.0.0.0/8 ::1/128', true),
  ...rows('multicast', '224.0.0.0/4 ff00::/8', true),
  ...rows('a range without hosts', '240.0.0.0/4 100::/64', true),
  ...rows('the addresses by which a jail names hosts', '198.18.0.0/15 fd75:6368:726f:6f74::/64', true),
  ...rows(
    'the metadata service of a cloud',
    '169.254.169.254/32 168.63.129.16/32 100.100.100.200/32 192.0.0.192/32 fd00:ec2::/32',
  ),
  ...rows('a link-local address', '169.254.0.0/16 fe80::/10'),
  ...rows('a private network', '10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10'),
  ...rows('a network of a provider', '100.64.0.0/10'),
  ...rows('a range for protocols', '192.0.0.0/24 192.88.99.0/24 2001::/23 5f00::/16'),
  ...rows('a range for documents', '192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20'),
  ...rows('an IPv4 address in another form', '::/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16'),
];

const [compatible, nat64, ownNat64, sixToFour] = specials.slice(-4);

/**
 * The IPv4 address to which a gateway leads an address of IPv6; undefined if it has none. RFC 6052 with a prefix of 96 bits, the usual
 * one; RFC 3056.
 */
export function embeddedIn(words: Words): Words | undefined {
  const special = specials.find(({ net }) => holds(net, { words, length: 128 }));
  if (special === undefined || ![compatible, nat64, ownNat64, sixToFour].includes(special)) return undefined;
  const at = special === sixToFour ? 2 : 12;
  const octets = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0]);
  toOctets(words).copy(octets, 12, at, at + 4);
  return fromOctets(octets);
}

/**
 * What is special about an address; undefined for a usual one. The IPv4 address in it counts too: a network around such addresses does not
 * stand for the private ones among them.
 */
export function specialOf(words: Words): Special | undefined {
  const embedded = embeddedIn(words);
  const inner =
    embedded === undefined
      ? undefined
      : specials.find(({ net }) => holds(net, { words: embedded, length: 128 }));
  if (inner === undefined) return specials.find(({ net }) => holds(net, { words, length: 128 }));
  return { ...inner, net: { words, length: 128 }, title: `${inner.title} in another form` };
}

/** The range that no entry may name, and that a network has addresses of. */
export const closedIn = (net: Net): Special | undefined =>
  specials.find((special) => special.isClosed && holds(special.net, net));

/** Whether a network that an entry names allows a special address. A wide one does not: 0.0.0.0/0 is not meant to be the private networks. */
export const allows = (net: Net, { net: special, isClosed }: Special, words: Words): boolean =>
  !isClosed && holds(net, { words, length: 128 }) && holds(special, net);
