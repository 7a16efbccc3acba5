// The entries of a list of names that a program may call: `api.example.org:443`. Pure.
import { resolve } from 'node:path';

import type { UsageError } from '../errors.ts';
import { isMapped, parseAddress, showAddress, type Words } from '../values/address.ts';
import { usageError, wrong } from '../values/wrong.ts';
import { quote } from '../words/quote.ts';
import { toName } from './name.ts';
import { closedIn, type Net } from './special.ts';

/** A range of ports, both ends included. */
type PortRange = readonly [first: number, last: number];

/** One entry of a list, in its normal form. */
export interface Entry {
  /**
   * A name; all names beneath a domain; addresses; the loopback of the host, by the name `host-loopback`; the path of a socket; a
   * file of entries; or what the service is asked about.
   */
  readonly kind: 'name' | 'domain' | 'net' | 'loopback' | 'unix' | 'file' | 'asked';
  /** Of `name` and `domain`, without the first dot; of `file`, its path. */
  readonly name: string;
  readonly ports: readonly PortRange[];
  /** Of `net`; of a name, the network that it must lead to. */
  readonly net?: Net;
  /** Of `unix`: absolute, of the host and of the jail. */
  readonly path?: string;
  /** The normal form as text. */
  readonly text: string;
  /** It comes from a file of the list. */
  readonly isRead?: true;
}

/** The name by which a program calls the loopback of the host. */
const loopbackName = 'host-loopback';

const mostPort = 65_535;
const forms =
  'NAME:PORTS, .DOMAIN:PORTS, ADDRESS:PORTS, NET/LENGTH:PORTS, NAME=NET/LENGTH:PORTS, unix:PATH or @FILE';
const usual = 'api.example.org:443';

/** @param meant the right form of it; without one an example follows */
const fail = (key: string, text: string, why: string, meant?: string, example: string = usual): UsageError =>
  usageError(
    ({ name, assign }) => ({
      message: `${name(key)} must be an entry such as NAME:PORTS, not '${quote(text)}': ${why}`,
      hint:
        meant === undefined ? `for example ${assign(key, example)}` : `did you mean ${assign(key, meant)}?`,
    }),
    { key, value: text },
  );

function toPort(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= mostPort ? port : undefined;
}

// `443`, `443,8443`, `8000-8010`, `*`. Neighbours are joined, so that a list has one form.
function toPorts(text: string): readonly PortRange[] | undefined {
  if (text === '*') return [[1, mostPort]];
  const ranges: PortRange[] = [];
  for (const part of text.split(',')) {
    const [first = '', last = first, ...more] = part.split('-');
    const [from, to] = [toPort(first), toPort(last)];
    if (from === undefined || to === undefined || to < from || more.length > 0) return undefined;
    ranges.push([from, to]);
  }
  const joined: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = joined.at(-1);
    if (before !== undefined && from <= before[1] + 1) before[1] = Math.max(before[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

const showPorts = (ports: readonly PortRange[]): string =>
  ports
    .map(([from, to]) => (from === 1 && to === mostPort ? '*' : from === to ? from : `${from}-${to}`))
    .join(',');

// An address, or a network: no bit behind its length is set.
function toNet(text: string): Net | 'long' | undefined {
  const [address = '', length, ...more] = text.split('/');
  const words = parseAddress(address);
  if (words === undefined || more.length > 0) return undefined;
  const base = isMapped(words) && !address.includes(':') ? 96 : 0;
  if (length === undefined) return { words, length: 128 };
  if (!/^[0-9]{1,3}$/.test(length) || Number(length) + base > 128) return undefined;
  const bits = Number(length) + base;
  return hasBitsBehind(words, bits) ? 'long' : { words, length: bits };
}

const hasBitsBehind = (words: Words, length: number): boolean => {
  const whole = length >> 4;
  const rest = (words.charCodeAt(whole) & (0xffff >> (length & 15))) !== 0;
  return length < 128 && (rest || /[^\0]/.test(words.slice(whole + 1)));
};

function showNet({ words, length }: Net): string {
  const isFour = isMapped(words) && length >= 96;
  const text = showAddress(words);
  const bits = isFour ? length - 96 : length;
  const whole = length === 128 ? text : `${text}/${bits}`;
  return isFour ? whole : `[${whole}]`;
}

// A text if it is an entry.
function rightOf(text: string, key: string): string | undefined {
  try {
    toEntry(text, key);
    return text;
  } catch {
    return undefined;
  }
}

// What people write who think of URLs, globs and other lists.
function refuseOther(text: string, key: string): void {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  if (url) throw fail(key, text, 'it is a URL, and an entry has a name and ports alone');
  const isStarred = /[*?]/.test(text.replace(/:\*$/, ''));
  if (text.startsWith('*.') && !/[*?]/.test(text.slice(2).replace(/:\*$/, '')))
    throw fail(key, text, 'all names beneath a domain begin with a dot', rightOf(text.slice(1), key));
  if (isStarred) throw fail(key, text, '* stands for all ports alone', undefined, '.example.org:443');
  if (text === '' || text.startsWith(':') || /[\s@]/.test(text))
    throw wrong({ key, value: text, expected: forms, example: usual });
}

// The host, and what follows its last colon. An IPv6 address stands in brackets.
function split(text: string): readonly [host: string, ports: string | undefined] {
  const at = /^(.*\])(?::(.*))?$/s.exec(text) ?? /^(.*?)(?::([^:]*))?$/s.exec(text);
  return [at?.[1] ?? text, at?.[2]];
}

/** The network of a text, which may stand in brackets. */
function readNet(host: string, text: string, key: string): Net | undefined {
  const isBracketed = host.startsWith('[') && host.endsWith(']');
  const inner = isBracketed ? host.slice(1, -1) : host;
  if (inner.includes('%'))
    throw fail(key, text, 'an address has no zone here', undefined, '[2001:db8::1]:443');
  const net = toNet(inner);
  if (net === 'long')
    throw fail(
      key,
      text,
      'the address has bits behind the length of its network',
      undefined,
      '192.0.2.0/24:443',
    );
  if (net === undefined || isBracketed !== inner.includes(':')) return undefined;
  const closed = closedIn(net);
  if (closed === undefined) return net;
  const example = closed.title.includes('loopback') ? `${loopbackName}:5432` : usual;
  throw fail(key, text, `it is ${closed.title}, which no entry allows`, undefined, example);
}

const unixScheme = 'unix:';

function unixEntry(text: string, key: string): Entry {
  const path = text.slice(unixScheme.length);
  // other words would name the same socket in two ways, and a danger by words that the list does not have
  const isNormal = /^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/.test(path);
  if (!isNormal)
    throw fail(
      key,
      text,
      `'${quote(path)}' is no absolute path of a socket`,
      undefined,
      'unix:/run/app/app.sock',
    );
  return { kind: 'unix', name: '', ports: [], path, text };
}

function fileEntry(text: string, key: string): Entry {
  if (text === '@' || text.includes('\0'))
    throw fail(key, text, 'the path of a file follows @', undefined, '@/etc/app.names');
  const path = resolve(text.slice(1));
  return { kind: 'file', name: path, ports: [], text: `@${path}` };
}

/** The normal form of one entry. @throws UsageError */
export function toEntry(value: unknown, key: string): Entry {
  if (typeof value !== 'string') throw wrong({ key, value, expected: forms, example: usual });
  if (value.startsWith(unixScheme) && !value.startsWith('unix://')) return unixEntry(value, key);
  if (value.startsWith('@')) return fileEntry(value, key);
  refuseOther(value, key);
  const [host, given] = split(value);
  if (given === undefined || given === '')
    throw fail(key, value, 'it has no port', rightOf(`${host}:443`, key));
  const ports = toPorts(given);
  if (ports === undefined)
    throw fail(
      key,
      value,
      `'${quote(given)}' is no port from 1 to ${mostPort}, no list, no range and not *`,
      undefined,
      'api.example.org:443,8000-8010',
    );
  const own = host.includes('=') ? undefined : readNet(host, value, key);
  if (own !== undefined)
    return { kind: 'net', name: '', ports, net: own, text: `${showNet(own)}:${showPorts(ports)}` };
  return named(host, ports, value, key);
}

function named(host: string, ports: readonly PortRange[], text: string, key: string): Entry {
  const [before = '', ...after] = host.split('=');
  const isDomain = before.startsWith('.');
  const name = toName(isDomain ? before.slice(1) : before);
  if (name === undefined)
    throw fail(
      key,
      text,
      `'${quote(before)}' is neither the name of a host nor an address`,
      undefined,
      before.includes(':') ? '[2001:db8::1]:443' : usual,
    );
  if (/(?:^|\.)localhost$/.test(name))
    throw fail(key, text, 'in a jail it is the loopback of the jail', `${loopbackName}:${showPorts(ports)}`);
  const within = after.join('=');
  const net = after.length === 0 ? undefined : readNet(within, text, key);
  if (after.length > 0 && net === undefined)
    throw fail(key, text, `'${quote(within)}' is no network`, undefined, 'db.internal=10.0.0.0/8:5432');
  const kind = isDomain ? 'domain' : name === loopbackName ? 'loopback' : 'name';
  if (kind === 'loopback' && net !== undefined)
    throw fail(key, text, `${loopbackName} is the loopback of the host`, `${loopbackName}:5432`);
  const shown = `${isDomain ? '.' : ''}${name}${net === undefined ? '' : `=${showNet(net)}`}`;
  return { kind, name, ports, ...(net && { net }), text: `${shown}:${showPorts(ports)}` };
}

/** Stands for a service that is asked about all else. */
export const asked: Entry = { kind: 'asked', name: '', ports: [], text: 'onConnect' };

/** A list may have this many: each network is a rule of the kernel, and each name an address. */
export const mostEntries = 256;

/** The normal form of a list: each entry once, in the order of their texts. @throws UsageError */
export function toEntries(value: unknown, key: string): readonly Entry[] {
  if (!Array.isArray(value) || value.length > mostEntries)
    throw wrong({ key, value, expected: `an array of at most ${mostEntries} entries`, example: [usual] });
  const entries = Array.from(value as readonly unknown[], (one, at) => toEntry(one, `${key}[${at}]`));
  const byText = new Map(entries.map((entry) => [entry.text, entry]));
  return [...byText.keys()].toSorted().flatMap((text) => byText.get(text) ?? []);
}

/** Whether an entry allows a port. */
export const hasPort = ({ ports }: Entry, port: number): boolean =>
  ports.some(([from, to]) => port >= from && port <= to);
