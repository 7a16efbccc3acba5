// Finds addresses that cannot be listened on at the same time, by the rules of Linux's bind(2). Pure.
import { resolve } from 'node:path';

import { parseWords, unmapAddress } from '../../values/address.ts';
import { showListenAddress, type ListenAddress } from './listen-address.ts';

/** Two addresses that cannot be listened on at the same time. */
export interface Overlap {
  readonly service: string;
  /** Place of its address in its list. */
  readonly index: number;
  /** The service with the earlier address; it can be the same. */
  readonly earlier: string;
  readonly message: string;
  readonly hint: string | undefined;
}

const SYSTEMD_HINT = 'write listen = "systemd:NAME", and FileDescriptorName=NAME in the .socket unit';

type Internet = ListenAddress & { readonly kind: 'internet' };

// The same text for each way to write an address. The kernel looks at the interface of a link-local address alone (ipv6(7)).
function plainHost(address: string): string {
  const words = parseWords(/^fe[89ab]/i.test(address) ? address : address.replace(/%.*/, ''));
  if (words === undefined) return unmapAddress(address);
  const [low, high] = [words.charCodeAt(6), words.charCodeAt(7)];
  return words.startsWith('\0\0\0\0\0\uffff')
    ? [low >> 8, low & 255, high >> 8, high & 255].join('.')
    : words;
}

const is4 = (host: string): boolean => host.includes('.');
const ANY_4 = '0.0.0.0';
const ANY_6 = '\0'.repeat(8);
const isAny = (host: string): boolean => host === ANY_4 || host === ANY_6;

/** An address of a service, with what the kernel compares: its host, or its path. */
interface Known {
  readonly service: string;
  readonly address: ListenAddress;
  readonly place: string;
}

function excludes(one: Internet, other: Internet, a: string, b: string): boolean {
  if (one.protocol !== other.protocol || one.port !== other.port) return false;
  // With port 0 the kernel chooses another free port each time. The text must differ too, so that it counts as another socket.
  if (one.port === 0) return showListenAddress(one) === showListenAddress(other);
  // datagrams go to the socket with the narrower address (SO_REUSEADDR in socket(7))
  if (a === b || one.protocol === 'udp') return a === b;
  if (is4(a) === is4(b)) return isAny(a) || isAny(b);
  const [six, host] = is4(a) ? [other, b] : [one, a];
  return host === ANY_6 && !six.isOnly6;
}

function placeOf(address: ListenAddress): string {
  if (address.kind === 'internet') return plainHost(address.address);
  return address.kind === 'unix' && !address.path.startsWith('@') ? resolve(address.path) : '';
}

function isSame(one: Known, other: Known): boolean {
  const [a, b] = [one.address, other.address];
  if (a.kind === 'internet') return b.kind === 'internet' && excludes(a, b, one.place, other.place);
  if (a.kind === 'unix')
    return b.kind === 'unix' && (one.place === '' ? a.path === b.path : one.place === other.place);
  // a service may name a socket of systemd twice: it gets it once
  if (b.kind !== 'systemd' || one.service === other.service) return false;
  return (a.name ?? b.name) === (b.name ?? a.name);
}

/** The first address that conflicts with an earlier one. */
export function findOverlap(
  services: Iterable<readonly [name: string, listen: readonly ListenAddress[]]>,
): Overlap | undefined {
  const all: Known[] = [];
  for (const [service, listen] of services)
    for (const [index, address] of listen.entries()) {
      const known = { service, address, place: placeOf(address) };
      const found = all.find((one) => isSame(one, known));
      if (found !== undefined) {
        const whose = found.service === service ? 'it listens' : `the service ${found.service} listens`;
        const [shown, before] = [showListenAddress(address), showListenAddress(found.address)];
        const where = shown === before ? 'there' : `on ${before}`;
        return {
          service,
          index,
          earlier: found.service,
          message: `listen: ${shown}: ${whose} ${where} already`,
          hint:
            address.kind === 'systemd' ? SYSTEMD_HINT : 'leave one of the two out, or give it another port',
        };
      }
      all.push(known);
    }
  return undefined;
}
