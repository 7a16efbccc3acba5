// IP addresses as inet_addr(3), inet_pton(3) and getaddrinfo(3) read them, their networks, and how they are written.

import { isIPv4 } from 'node:net';

// One to four parts, as inet_addr(3) reads them: decimal, octal after a 0, hexadecimal after 0x (inet(3)); the last part
// fills the rest of the address.
function partsAddress(parts: readonly string[]): number | undefined {
  let address = 0;
  for (const [i, part] of parts.entries()) {
    if (!/^(?:0[0-7]*|[1-9][0-9]*|0[xX][0-9a-fA-F]+)$/.test(part)) return undefined;
    const size = i === parts.length - 1 ? 256 ** (5 - parts.length) : 256;
    const value = /^0[0-7]*$/.test(part) ? Number.parseInt(part, 8) : Number(part);
    if (value >= size) return undefined;
    address = address * size + value;
  }
  return address === 0xffffffff ? undefined : address;
}

/**
 * An IPv4 address of four parts as a number, or undefined. 255.255.255.255 is undefined: inet_addr(3) returns the same
 * value for an error, so libwrap never matches it (hosts_access(5)).
 */
export function parseQuad(text: string): number | undefined {
  const first = text.charCodeAt(0);
  if (!(first >= 0x30 && first <= 0x39)) return undefined;
  // inet_addr(3) stops at white space, but libwrap counts the parts of the whole text
  if (text.split('.').filter((run) => run !== '').length !== 4) return undefined;
  return partsAddress(text.replace(/[ \t-\r].*/s, '').split('.'));
}

/** An IPv6 address as eight 16-bit words, one character each: it can be compared, cut and used as a Map key. */
export type Words = string;

// ::ffff:0:0/96, RFC 4291
const mapped: Words = '\0\0\0\0\0\uffff';

/** The words of an address in the one form that everybody writes: four decimal numbers (in the mapped form), or IPv6 without a zone. */
export function parseAddress(text: string): Words | undefined {
  if (!text.includes(':')) {
    const words = dottedWords(text);
    return words === undefined ? undefined : mapped + words;
  }
  return text.length > 45 ? undefined : parseWords(text);
}

/** Whether an address stands for an IPv4 one. */
export const isMapped = (words: Words): boolean => words.startsWith(mapped);

/** The 16 bytes of an address. */
export const toOctets = (words: Words): Buffer => Buffer.from(words, 'utf16le').swap16();

/** The address of 16 bytes. */
export const fromOctets = (octets: Uint8Array): Words => Buffer.from(octets).swap16().toString('utf16le');

/** An address as text: four numbers for a mapped one. */
export function showAddress(words: Words): string {
  const octets = toOctets(words);
  if (isMapped(words)) return octets.subarray(12).join('.');
  return formatWords(BigInt(`0x${octets.toString('hex')}`));
}

/** An IPv6 address with an optional zone (`fe80::1%eth0`, RFC 4007). */
export interface ZonedAddress {
  readonly words: Words;
  /** Name of a network interface, which must exist. A numeric zone is always valid and is dropped. */
  readonly zone?: string;
}

// The last 32 bits in dotted form.
function dottedWords(text: string): Words | undefined {
  if (!isIPv4(text)) return undefined;
  const quad = text
    .split('.')
    .map(Number)
    .reduce((all, part) => all * 256 + part);
  // it takes the last 16 bits
  return String.fromCharCode(quad >>> 16, quad);
}

// Groups of one to four hexadecimal digits between single colons; the last group may be in dotted form.
function groupWords(text: string, mayBeDotted: boolean): Words | undefined {
  if (text === '') return '';
  let words = '';
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (mayBeDotted && i === groups.length - 1 && group.includes('.')) {
      const dotted = dottedWords(group);
      if (dotted === undefined) return undefined;
      words += dotted;
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) words += String.fromCharCode(Number.parseInt(group, 16));
    else return undefined;
  }
  return words;
}

/** The words of an IPv6 address without a zone, or undefined (inet_pton(3), RFC 4291 section 2.2). */
export function parseWords(text: string): Words | undefined {
  const gap = text.indexOf('::');
  if (gap < 0) {
    const words = groupWords(text, true);
    return words?.length === 8 ? words : undefined;
  }
  const head = groupWords(text.slice(0, gap), false);
  const tail = groupWords(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined;
  return head + '\0'.repeat(8 - head.length - tail.length) + tail;
}

// Only link-local addresses and multicast of the first two scopes take an interface name as zone.
function hasNamedZone(words: Words): boolean {
  const first = words.charCodeAt(0);
  return (first & 0xffc0) === 0xfe80 || (first & 0xff0f) === 0xff01 || (first & 0xff0f) === 0xff02;
}

/** An IPv6 address as getaddrinfo(3) reads it with AI_NUMERICHOST, or undefined. */
export function parseZoned(text: string): ZonedAddress | undefined {
  const percent = text.indexOf('%');
  if (percent < 0) {
    const words = parseWords(text);
    return words === undefined ? undefined : { words };
  }
  const words = parseWords(text.slice(0, percent));
  const zone = text.slice(percent + 1);
  if (words === undefined || zone === '') return undefined;
  if (/^[0-9]{1,10}$/.test(zone) && Number(zone) <= 0xffffffff) return { words };
  return hasNamedZone(words) ? { words, zone } : undefined;
}

/** The first `length` bits of an address. Two addresses are in one network if these are equal. */
export function networkWords(words: Words, length: number): string {
  const whole = length >> 4;
  const rest = length & 15;
  if (rest === 0) return words.slice(0, whole);
  const part = words.charCodeAt(whole) & (0xffff << (16 - rest));
  return words.slice(0, whole) + String.fromCharCode(part & 0xffff);
}

/** `10.0.0.1` for `::ffff:10.0.0.1`, other addresses unchanged: libwrap knows no other form of a mapped address. */
export function unmapAddress(address: string): string {
  if (address.charCodeAt(0) !== 0x3a || !/^::ffff:/i.test(address)) return address;
  const quad = address.slice(7);
  return parseQuad(quad) === undefined ? address : quad;
}

/**
 * The key under which an address gets its share of a resource: the address, or its /48 for IPv6, because one site
 * usually has all of a /48 (RFC 6177). All link-local addresses have the same /48 (RFC 4291), so each of them counts alone,
 * with its zone.
 */
export function shareOf(address: string): string {
  const plain = unmapAddress(address);
  if (!plain.includes(':')) return plain;
  const [host = '', zone = ''] = plain.split('%');
  const words = parseWords(host);
  if (words === undefined) return plain;
  const isLinkLocal = (words.charCodeAt(0) & 0xffc0) === 0xfe80;
  return isLinkLocal ? `${words}%${zone}` : networkWords(words, 48);
}

export function formatQuad(net: bigint): string {
  return [24n, 16n, 8n, 0n].map((bits) => (net >> bits) & 255n).join('.');
}

/** An IPv6 address in its shortest form (RFC 5952); the URL parser writes it so. */
export function formatWords(net: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => ((net >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
