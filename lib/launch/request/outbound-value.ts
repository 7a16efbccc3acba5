// The list of a request of what its program may call, and the ports by which the host calls it. Pure.
import { asked, toEntries, type Entry } from '../../outbound/entry.ts';
import { usageError } from '../../values/wrong.ts';
import { showListenPort, toListenPorts, type ListenPort } from './listen-on-value.ts';
import type { Values } from './option-row.ts';

const none: readonly Entry[] = [];

/** The entries. Without a network of its own, the program would reach what is not on the list. */
export function toConnectTo(
  value: readonly string[] | undefined,
  key: string,
  { onConnect, ...others }: Values,
): readonly Entry[] {
  if (value === undefined && onConnect === undefined) return none;
  const given = value === undefined ? none : toEntries(value, key);
  const entries = onConnect === undefined ? given : [...given, asked];
  if (entries.length > 0) needOwnNetwork(key, others);
  return entries.length > 0 ? entries : none;
}

const noPorts: readonly ListenPort[] = [];

/** The ports. In the network of the host they would be those of the program already. */
export function toListenOn(
  value: readonly string[] | undefined,
  key: string,
  others: Values,
): readonly ListenPort[] {
  if (value === undefined) return noPorts;
  const ports = toListenPorts(value, key);
  if (ports.length > 0) needOwnNetwork(key, others);
  refuseOfList(ports, key, others);
  return ports;
}

// The host would call the name server of the list, or its relay.
function refuseOfList(ports: readonly ListenPort[], key: string, { connectTo, onConnect }: Values): void {
  const hasList = onConnect !== undefined || (Array.isArray(connectTo) && connectTo.length > 0);
  const taken = hasList ? ports.find(({ inside }) => inside === 1 || inside === 53) : undefined;
  if (taken === undefined) return;
  throw usageError(({ name }) => ({
    message: `${name(key)}: ${showListenPort(taken)} leads to port ${taken.inside}, which ${name('connectTo')} takes from the program`,
    hint: 'let the program listen at another port',
  }));
}

/** Whether a process or thread stays that passes connections on. */
export const needsRelay = (request: {
  readonly connectTo: readonly Entry[];
  readonly listenOn: readonly ListenPort[];
}): boolean => request.connectTo.length > 0 || request.listenOn.length > 0;

function needOwnNetwork(key: string, { isolate, rootless, net }: Values): void {
  if (isolate !== true && rootless !== true)
    throw usageError(({ name, assign }) => ({
      message: `${name(key)} needs a network of its own`,
      hint: `give ${assign('isolate', true)} too`,
    }));
  if (net === 'host')
    throw usageError(({ name, assign }) => ({
      message: `${name(key)} and ${assign('net', 'host')} are given at once: with the network of the host, the program reaches everything, and its ports are those of the host`,
      hint: `leave ${name('net')} out`,
    }));
}
