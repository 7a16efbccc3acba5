// The ports of a list that need a socket each, where the kernel cannot lead all connections to one. Pure.
import type { Entry } from './entry.ts';

/** So many go to the service in one message, with those of the name server. */
export const mostListeners = 60;

// of the name server
const dnsPort = 53;

/** The ports, in order; undefined if there can be no socket for each of them. */
export function listenersFor(list: readonly Entry[]): readonly number[] | undefined {
  const ports = new Set<number>();
  for (const [first, last] of list.flatMap((entry) => entry.ports)) {
    if (last - first >= mostListeners) return undefined;
    for (let port = first; port <= last; port++) ports.add(port);
  }
  const isAsked = list.some(({ kind }) => kind === 'asked');
  if (ports.size > mostListeners || ports.has(dnsPort) || (isAsked && ports.size === 0)) return undefined;
  return [...ports].toSorted((a, b) => a - b);
}
