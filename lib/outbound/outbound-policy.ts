// Whom a program may call: decides about names, addresses and ports by the entries of its list. Pure.
import type { Denied } from '../errors.ts';
import { parseAddress, showAddress, type Words } from '../values/address.ts';
import { hasPort, type Entry } from './entry.ts';
import { quote } from '../words/quote.ts';
import { fakeNets } from './fake-address.ts';
import { allows, embeddedIn, holds, specialOf } from './special.ts';

/** The entries of a name, for all ports. */
export const entriesOf = (list: readonly Entry[], name: string): readonly Entry[] =>
  list.filter(({ kind, name: own }) =>
    kind === 'domain' ? name.endsWith(`.${own}`) : name !== '' && name === own,
  );

// An entry allows it by exactly this address: whoever names a network does not think of the host's own services.
const ofHost = 'it is an address of this host';

// In the form of NAT64 too.
const isOwn = (own: ReadonlySet<Words>, address: Words): boolean =>
  own.has(address) || own.has(embeddedIn(address) ?? '');

/** Why an address to which a name leads is refused, by all of these entries; undefined if one of them allows it. */
export function judgeAddress(
  entries: readonly Entry[],
  address: Words,
  own: ReadonlySet<Words>,
): string | undefined {
  const reasons = entries.map(({ kind, net }) => {
    if (kind === 'loopback') return undefined;
    if (net !== undefined && !holds(net, { words: address, length: 128 }))
      return `it is not in the network of the entry`;
    const special = specialOf(address);
    if (special !== undefined && (net === undefined || !allows(net, special, address)))
      return `it is ${special.title}`;
    return isOwn(own, address) && net?.length !== 128 ? ofHost : undefined;
  });
  return reasons.includes(undefined) ? undefined : (reasons[0] ?? 'no entry has this port');
}

/** The entry that would allow a name to lead to an address; none if no entry can. */
export function entryFor(
  name: string,
  port: number | undefined,
  address: Words,
): { readonly entry?: string } {
  if (specialOf(address)?.isClosed === true) return {};
  return { entry: `${name}=${bracketed(address)}:${port ?? 'PORT'}` };
}

// The loopback of the jail, too: its own servers are there, and a connection to it never comes here but for the relay's own port.
const ofJail = [
  ...fakeNets,
  ...['127.0.0.0', '::1'].map((text, at) => ({
    words: parseAddress(text) ?? '',
    length: at === 0 ? 104 : 128,
  })),
];

/** Whether an address belongs to the jail, and not to a host. */
export const isOfJail = (address: Words): boolean =>
  ofJail.some((net) => holds(net, { words: address, length: 128 }));

const bracketed = (address: Words): string => {
  const text = showAddress(address);
  return text.includes(':') ? `[${text}]` : text;
};

/** What becomes of a connection to an address that stands for no name. @param own the addresses of this host */
export function judgeLiteral(
  list: readonly Entry[],
  address: Words,
  port: number,
  own: ReadonlySet<Words>,
): Denied | undefined {
  const fitting = list.filter(
    ({ kind, net }) => kind === 'net' && net !== undefined && holds(net, { words: address, length: 128 }),
  );
  const special = specialOf(address);
  const text = showAddress(address);
  const entry = `${bracketed(address)}:${port}`;
  const nets = fitting.flatMap((one) => (one.net !== undefined && hasPort(one, port) ? [one.net] : []));
  if (nets.length === 0) return { address: text, port, reason: 'no entry allows it', entry };
  const usual = nets.filter((net) => special === undefined || allows(net, special, address));
  if (usual.some(({ length }) => length === 128 || !isOwn(own, address))) return undefined;
  return {
    address: text,
    port,
    reason: usual.length > 0 || special === undefined ? ofHost : `it is ${special.title}`,
    ...(special?.isClosed === true ? {} : { entry }),
  };
}

// A line of a log is not longer for a program that tries much.
const mostShown = 5;

/** What a program was refused, for a line of a log. */
export function showDenied(denied: readonly Denied[]): string {
  const shown = denied.slice(0, mostShown).map((one) => {
    const { name, address = '', port, reason, entry = one.option } = one;
    const own = one.path ?? one.call ?? one.limit;
    const verb = one.path === undefined ? (one.limit === undefined ? 'call' : 'exceed') : 'use';
    if (own !== undefined)
      return `${verb} ${quote(own)} (${entry === undefined ? reason : `${reason}; ${entry} would allow it`})`;
    const whom = quote(name ?? address);
    return `${port === undefined ? whom : `${whom} port ${port}`} (${entry === undefined ? reason : `${reason}; ${quote(entry)} would allow it`})`;
  });
  const more = denied.length - shown.length;
  const isHosts = denied.every(({ path, call, limit }) => (path ?? call ?? limit) === undefined);
  return `it may not ${isHosts ? 'call ' : ''}${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
