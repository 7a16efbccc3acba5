// The steps of a launch that may call the names of a list, and their rows. Pure.
import type { Entry } from '../../outbound/entry.ts';
import { listenersFor, mostListeners } from '../../outbound/listeners.ts';
import { routeMessages, ruleMessages } from '../../outbound/network.ts';
import { showListenPort, type ListenPort } from '../request/listen-on-value.ts';
import { remember } from '../../values/remember.ts';
import { cString } from './jail-entry.ts';
import type { Step } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

// All connections are led to this port. The program can bind all others but 53, which is that of the name server.
const relayPort = 1;
const dnsPort = 53;

/** The steps that make the network, in it. The sockets come last: before them nothing is led anywhere. */
export function outboundSteps(list: readonly Entry[]): readonly Step[] {
  if (list.length === 0) return [];
  const ports = listenersFor(list);
  // the port of the relay is open in any case
  const instead = ports?.filter((port) => port !== relayPort);
  return [
    { op: 'outbound_routes', list },
    { op: 'outbound_rules', list, port: relayPort, isNeeded: instead === undefined },
    { op: 'outbound_sockets', port: relayPort, instead: instead ?? [] },
  ];
}

/** The step for ports of the host, after those above: its socket comes after theirs. */
export const listenSteps = (ports: readonly ListenPort[]): readonly Step[] =>
  ports.length === 0 ? [] : [{ op: 'listen_network', ports }];

/** The step that names the name server of the jail, where its programs look. Without this file they ask 127.0.0.1 (resolv.conf(5)). */
export const coverResolver = (list: readonly Entry[]): readonly Step[] =>
  list.length === 0 ? [] : [{ op: 'cover_file', path: Buffer.from('/etc/resolv.conf') }];

/** The step that makes the file, before the jail is the root directory. */
export const makeResolver = (list: readonly Entry[]): readonly Step[] =>
  list.length === 0 ? [] : [{ op: 'text_file', text: 'nameserver 127.0.0.1\n' }];

const known = new Map<string, Buffer>();
const mostKnown = 64;

// To make them takes 0.15 ms of the event loop. Only networks of a list stand in them.
function kept(list: readonly Entry[], kind: string, make: () => Buffer): Buffer {
  if (known.size >= mostKnown) known.clear();
  const nets = list.flatMap(({ kind: of, text }) => (of === 'net' ? [text] : []));
  return remember(known, [kind, ...nets].join(' '), make);
}

const [netlinkRoute, netlinkNetfilter] = [0, 12];
const [stream, datagram, transparent, withoutRules] = [1, 2, 1, 2];

// struct ListenSpec
const socketSpec = (type: number, port: number, flags: number): readonly number[] => [
  type | (port << 16),
  flags,
];

const noSix = {
  reason: 'this kernel has no IPv6',
  hint: 'start it with ipv6.disable_ipv6=1 in place of ipv6.disable=1: then no network has IPv6 either, and a list works',
};
// only if there can be no sockets instead
const noRules = {
  reason:
    'the kernel lacks nf_tables or its tproxy (CONFIG_NFT_TPROXY), or a filter of system calls refuses it: then each port needs a socket',
  hint: `modprobe nft_tproxy, as root; in a container, on the host; or, but for an adopted service, name the ports: at most ${mostListeners}, and not ${dnsPort}`,
};
const noService = {
  reason: 'no process stays that would answer',
  hint: 'use the command uchroot, or spawnInJail() and runInJail() of the library',
};

export const outboundRows = {
  outbound_routes: {
    op: 81,
    call: 'sendto',
    object: () => 'NETLINK_ROUTE',
    purpose: 'addresses that stand for names; where the program may not call, there is no route',
    needs: 'CAP_NET_ADMIN',
    encode: ({ list }) => ({ a: netlinkRoute, data: kept(list, 'routes', () => routeMessages(list)) }),
    failures: { EOPNOTSUPP: noSix, EAFNOSUPPORT: noSix },
  },
  outbound_rules: {
    op: 81,
    call: 'sendto',
    object: ({ list }) => list.map(({ text }) => text).join(' ') || 'nothing',
    purpose: 'what the program may call: the service relays these, and nothing else',
    needs: 'CAP_NET_ADMIN',
    encode: ({ list, port, isNeeded }) => ({
      a: netlinkNetfilter,
      b: isNeeded ? 0 : 1,
      data: kept(list, `rules ${port}`, () => ruleMessages(list, port)),
    }),
    failures: {
      EACCES: noRules,
      EAFNOSUPPORT: noRules,
      EINVAL: noRules,
      ENOENT: noRules,
      ENOSYS: noRules,
      EOPNOTSUPP: noRules,
      EPERM: noRules,
      EPROTONOSUPPORT: noRules,
    },
  },
  outbound_sockets: {
    op: 82,
    call: 'sendmsg',
    object: ({ port, instead }) =>
      `tcp ${port}, tcp and udp ${dnsPort}${instead.length === 0 ? '' : `; without tproxy tcp ${instead.join()}`}`,
    purpose: 'where the service answers; the program can use all other ports',
    needs: 'CAP_NET_ADMIN',
    encode: ({ port, instead }) => ({
      data: Uint32Array.from([
        ...socketSpec(stream, port, transparent),
        ...socketSpec(datagram, dnsPort, 0),
        ...socketSpec(stream, dnsPort, 0),
        ...instead.flatMap((one) => socketSpec(stream, one, withoutRules)),
      ]),
    }),
    failures: {
      EAFNOSUPPORT: noSix,
      EOPNOTSUPP: noService,
    },
  },
  listen_network: {
    op: 82,
    call: 'sendmsg',
    object: ({ ports }) => ports.map(showListenPort).join(' '),
    purpose:
      'the service listens at these ports of the host, and calls the last port of each in this network',
    encode: () => ({ data: Uint32Array.from(socketSpec(datagram, 0, 0)) }),
    failures: { EOPNOTSUPP: noService },
  },
  unix_door: {
    op: 84,
    call: 'bind',
    object: ({ path }) => path.toString(),
    purpose: 'a socket where the service answers, and connects the program to that of the host',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot }) => ({ a: slot }),
    failures: {},
  },
  cover_file: {
    op: 83,
    call: 'move_mount',
    object: ({ path }) => path.toString(),
    purpose: 'the file of its own, if the jail has one there',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ path }) => ({ data: cString(path) }),
    failures: { ENOTDIR: { reason: 'it is a directory', hint: 'remove it from the jail' } },
  },
  text_file: {
    op: 85,
    call: 'fsopen',
    object: ({ text }) => text.trim(),
    purpose: 'a file of its own, which nobody can change',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ text }) => ({ data: cString(Buffer.from(text)) }),
    failures: {},
  },
} satisfies SomeStepRows;
