// Which ports a list of daemons means: exactly, or at least and at most. Pure.

import { matchesText } from '../match/match.ts';
import type { DaemonPattern } from '../rule/pattern.ts';
import { daemonText, type Rule } from '../rule/rule-table.ts';
import { fold } from '../text/latin1.ts';
import { type Band, exactly, except, join, type Meant, network, type Ranges, union } from './ranges.ts';
import { EVERYBODY, hostAddresses, type Translated } from './rule-translation.ts';

/** The protocols, and where their ports are among the numbers. */
export const PROTOCOLS = {
  tcp: { begin: 0n, bits: 16 },
  udp: { begin: 1n << 32n, bits: 16 },
} as const satisfies Record<string, Band>;

const ALL_PORTS = Object.values(PROTOCOLS).flatMap((band) => network(band));

/** One port of one protocol, or of both. */
export function onePort(port: number, protocol?: keyof typeof PROTOCOLS): Ranges {
  const bands = protocol === undefined ? Object.values(PROTOCOLS) : [PROTOCOLS[protocol]];
  return bands.flatMap((band) => network(band, BigInt(port), 16));
}

export interface PortFacts {
  /** The ports of a daemon by its process name; undefined if they are unknown. */
  readonly portsOf: (daemon: string) => Ranges | undefined;
  /** All daemons with known ports, for patterns. */
  readonly daemons: readonly string[];
}

/** The ports of a word; undefined if they are unknown. */
export function daemonPorts({ at, daemon }: DaemonPattern, rule: Rule, facts: PortFacts): Ranges | undefined {
  switch (daemon.kind) {
    case 'port':
      return onePort(daemon.port);
    case 'all':
    case 'known':
      return ALL_PORTS;
    case 'never':
      return [];
    case 'equal':
      return facts.portsOf(daemonText(rule, at));
    case 'suffix':
    case 'prefix':
    case 'glob':
    case 'address':
      return undefined;
    default:
      return daemon satisfies never;
  }
}

function wordPorts(word: DaemonPattern, { rule, lose }: Translated, facts: PortFacts): Meant {
  const ports = daemonPorts(word, rule, facts);
  if (ports !== undefined) return exactly(ports);
  lose(word.at);
  const { daemon } = word;
  const known = facts.daemons
    .filter((name) => daemon.kind !== 'port' && matchesText(daemon, fold(name), () => false))
    .map((name) => facts.portsOf(name) ?? []);
  return { least: union(known), most: ALL_PORTS };
}

/** Ports, and the server addresses that the list names. */
export interface Target {
  readonly ports: Meant;
  readonly server: Meant;
}

export function targetsOf(translated: Translated, facts: PortFacts): readonly Target[] {
  const { daemons, lose } = translated;
  const portsOf = (word: DaemonPattern): Meant => {
    const ports = wordPorts(word, translated, facts);
    if (word.host === undefined) return ports;
    // at some addresses only, which a set of ports cannot express
    lose(word.at);
    return { least: [], most: ports.most };
  };
  const anywhere = exactly(EVERYBODY);
  if (daemons.length > 1)
    return [{ ports: except(daemons.map((part) => part.map(portsOf))), server: anywhere }];
  const words = daemons[0] ?? [];
  const plain = words.filter(({ host }) => host === undefined).map(portsOf);
  return [
    ...(plain.length === 0 ? [] : [{ ports: join(plain), server: anywhere }]),
    ...words.flatMap((word) => {
      if (word.host === undefined) return [];
      const server = hostAddresses(word.host, () => lose(word.at));
      return [{ ports: wordPorts(word, translated, facts), server }];
    }),
  ];
}
