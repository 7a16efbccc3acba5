// Finds addresses that cannot be listened on at the same time, by the rules of Linux's bind(2). Pure.
import { resolve } from 'node:path';

import { parseWords, unmapAddress } from '../../tcpwrappers/text/address.ts';
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

function excludes(one: Internet, other: Internet): boolean {
  if (one.protocol !== other.protocol || one.port !== other.port) return false;
  // With port 0 the kernel chooses another free port each time. The text must differ too, so that it counts as another socket.
  if (one.port === 0) return showListenAddress(one) === showListenAddress(other);
  const [a, b] = [plainHost(one.address), plainHost(other.address)];
  // datagrams go to the socket with the narrower address (SO_REUSEADDR in socket(7))
  if (a === b || one.protocol === 'udp') return a === b;
  if (is4(a) === is4(b)) return isAny(a) || isAny(b);
  const [six, host] = is4(a) ? [other, b] : [one, a];
  return host === ANY_6 && !six.isOnly6;
}

const placeOf = (path: string): string => (path.startsWith('@') ? path : resolve(path));

function isSame(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'internet') return other.kind === 'internet' && excludes(one, other);
  if (one.kind === 'unix') {
    return other.kind === 'unix' && placeOf(one.path) === placeOf(other.path);
  }
  return other.kind === 'systemd' && (one.name ?? other.name) === (other.name ?? one.name);
}

interface Known {
  readonly name: string;
  readonly address: ListenAddress;
  /** Its number in the order of the addresses. */
  readonly place: number;
}

// Keys under which an address is stored. Two addresses that may conflict have the same `exact`; if one is wide, the same `group`.
interface Keys {
  readonly exact: string;
  readonly group: string;
  readonly isWide: boolean;
}

function keysOf(address: ListenAddress): Keys {
  if (address.kind === 'systemd')
    return { exact: `systemd ${address.name ?? ''}`, group: 'systemd', isWide: address.name === undefined };
  if (address.kind === 'unix')
    return { exact: `unix ${placeOf(address.path)}`, group: 'unix', isWide: false };
  const { protocol, port } = address;
  const group = `${protocol} ${port}`;
  if (port === 0) return { exact: showListenAddress(address), group, isWide: false };
  const host = plainHost(address.address);
  return { exact: `${group} ${host}`, group, isWide: isAny(host) };
}

// The addresses so far. A new one is compared with only a few of them.
class Addresses {
  readonly #lists = new Map<string, Known[]>();
  #count = 0;

  #list(kind: 'exact' | 'all' | 'wide', key: string): Known[] {
    const name = `${kind} ${key}`;
    const list = this.#lists.get(name) ?? [];
    this.#lists.set(name, list);
    return list;
  }

  add(name: string, address: ListenAddress): void {
    const { exact, group, isWide } = keysOf(address);
    const known = { name, address, place: this.#count++ };
    const lists = [this.#list('exact', exact), this.#list('all', group)];
    for (const list of isWide ? [...lists, this.#list('wide', group)] : lists) list.push(known);
  }

  /** The first earlier address that conflicts with it. */
  find(service: string, address: ListenAddress): Known | undefined {
    const { exact, group, isWide } = keysOf(address);
    // a service may name a socket of systemd twice: it gets it once
    const isOther = ({ name }: Known): boolean => address.kind !== 'systemd' || name !== service;
    const lists = isWide
      ? [this.#list('all', group)]
      : [this.#list('exact', exact), this.#list('wide', group)];
    const found = lists.flatMap(
      (list) => list.find((one) => isOther(one) && isSame(one.address, address)) ?? [],
    );
    return found.toSorted((one, other) => one.place - other.place)[0];
  }
}

/** The first address that conflicts with an earlier one. */
export function findOverlap(
  services: Iterable<readonly [name: string, listen: readonly ListenAddress[]]>,
): Overlap | undefined {
  const addresses = new Addresses();
  for (const [service, listen] of services)
    for (const [index, address] of listen.entries()) {
      const found = addresses.find(service, address);
      if (found !== undefined) {
        const whose = found.name === service ? 'it listens' : `the service ${found.name} listens`;
        const [shown, before] = [showListenAddress(address), showListenAddress(found.address)];
        const where = shown === before ? 'there' : `on ${before}`;
        return {
          service,
          index,
          earlier: found.name,
          message: `listen: ${shown}: ${whose} ${where} already`,
          hint:
            address.kind === 'systemd' ? SYSTEMD_HINT : 'leave one of the two out, or give it another port',
        };
      }
      addresses.add(service, address);
    }
  return undefined;
}
