// Which ports a list of daemons means: exactly, or at least and at most. Pure.

import { matchesText } from '../match/match.ts';
import type { DaemonPattern, PatternList } from '../rule/pattern.ts';
import { fold } from '../text/latin1.ts';
import { type Addresses, EVERYBODY, hostAddresses } from './client-addresses.ts';
import { Algebra, type Meant, type Ranges, type Sets } from './ranges.ts';

export const PROTOCOLS = ['tcp', 'udp'] as const;

export type Ports = Sets<(typeof PROTOCOLS)[number]>;

/** The ports of a daemon by its process name; undefined if they are unknown. */
export type PortsOf = (daemon: string) => Ports | undefined;

export const PORTS = new Algebra(PROTOCOLS);

const EVERY: Ranges = [{ first: 0n, last: 65535n }];
const ALL_PORTS: Ports = { tcp: EVERY, udp: EVERY };

/** One port of one protocol, or of both. */
export function onePort(port: number, protocol?: keyof Ports): Ports {
  const range = [{ first: BigInt(port), last: BigInt(port) }];
  return protocol === undefined ? { tcp: range, udp: range } : { ...PORTS.nothing, [protocol]: range };
}

/** Ports, and the server addresses that the list names. */
export interface Target {
  readonly ports: Meant<Ports>;
  readonly server: Meant<Addresses>;
}

export interface DaemonFacts {
  readonly portsOf: PortsOf;
  /** All daemons with known ports, for patterns. */
  readonly daemons: readonly string[];
  /** The name of the daemon at an index of the rule. */
  readonly nameAt: (at: number) => string;
  readonly untranslated: (at: number) => void;
}

/** The ports of a word; undefined if they are unknown. */
export function daemonPorts(
  { at, daemon }: DaemonPattern,
  { portsOf, nameAt }: Pick<DaemonFacts, 'portsOf' | 'nameAt'>,
): Ports | undefined {
  switch (daemon.kind) {
    case 'port':
      return onePort(daemon.port);
    case 'all':
    case 'known':
      return ALL_PORTS;
    case 'never':
      return PORTS.nothing;
    case 'equal':
      return portsOf(nameAt(at));
    case 'suffix':
    case 'prefix':
    case 'glob':
    case 'address':
      return undefined;
    default:
      return daemon satisfies never;
  }
}

function wordPorts(word: DaemonPattern, facts: DaemonFacts): Meant<Ports> {
  const ports = daemonPorts(word, facts);
  if (ports !== undefined) return { least: ports, most: ports };
  facts.untranslated(word.at);
  const { daemon } = word;
  const known = facts.daemons
    .filter((name) => daemon.kind !== 'port' && matchesText(daemon, fold(name), () => false))
    .map(facts.portsOf)
    .filter((ports) => ports !== undefined);
  return { least: PORTS.union(...known), most: ALL_PORTS };
}

function partPorts(part: readonly DaemonPattern[], facts: DaemonFacts): Meant<Ports> {
  const words = part.map((word) => {
    const ports = wordPorts(word, facts);
    if (word.host === undefined) return ports;
    // at some addresses only, which a set of ports cannot express
    facts.untranslated(word.at);
    return { least: PORTS.nothing, most: ports.most };
  });
  return PORTS.join(words);
}

const ANYWHERE: Meant<Addresses> = { least: EVERYBODY, most: EVERYBODY };

export function targetsOf(daemons: PatternList<DaemonPattern>, facts: DaemonFacts): readonly Target[] {
  const [first = [], ...excepted] = daemons;
  if (excepted.length > 0)
    return [{ ports: PORTS.except(daemons.map((part) => partPorts(part, facts))), server: ANYWHERE }];
  const anywhere = first.filter(({ host }) => host === undefined);
  const targets = anywhere.length === 0 ? [] : [{ ports: partPorts(anywhere, facts), server: ANYWHERE }];
  for (const word of first)
    if (word.host !== undefined) {
      const server = hostAddresses(word.host, () => facts.untranslated(word.at));
      targets.push({ ports: wordPorts(word, facts), server });
    }
  return targets;
}
