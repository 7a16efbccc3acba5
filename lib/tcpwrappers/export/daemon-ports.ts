// Which ports a list of daemons means: exactly, or at least and at most. Pure.

import { matchesText } from '../match/match.ts';
import type { DaemonPattern, PatternList } from '../rule/pattern.ts';
import { fold } from '../text/latin1.ts';
import { type Addresses, EVERYBODY, hostAddresses, type Meant } from './client-addresses.ts';
import { NOTHING, type Ranges, union, without } from './ranges.ts';

export const PROTOCOLS = ['tcp', 'udp'] as const;

export type Ports = Readonly<Record<(typeof PROTOCOLS)[number], Ranges>>;

/** The ports of a daemon by its process name; undefined if they are unknown. */
export type PortsOf = (daemon: string) => Ports | undefined;

const NO_PORTS: Ports = { tcp: NOTHING, udp: NOTHING };
const EVERY: Ranges = [{ first: 0n, last: 65535n }];
const ALL_PORTS: Ports = { tcp: EVERY, udp: EVERY };

/** One port of one protocol, or of both. */
export function onePort(port: number, protocol?: keyof Ports): Ports {
  const range = [{ first: BigInt(port), last: BigInt(port) }];
  return protocol === undefined ? { tcp: range, udp: range } : { ...NO_PORTS, [protocol]: range };
}

export function joinPorts(...all: readonly Ports[]): Ports {
  return { tcp: union(all.map(({ tcp }) => tcp)), udp: union(all.map(({ udp }) => udp)) };
}

function lessPorts(a: Ports, b: Ports): Ports {
  return { tcp: without(a.tcp, b.tcp), udp: without(a.udp, b.udp) };
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
  facts: Pick<DaemonFacts, 'portsOf' | 'nameAt'>,
): Ports | undefined {
  switch (daemon.kind) {
    case 'port':
      return onePort(daemon.port);
    case 'all':
    case 'known':
      return ALL_PORTS;
    case 'never':
      return NO_PORTS;
    case 'equal':
      return facts.portsOf(facts.nameAt(at));
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
  const matching = facts.daemons.filter(
    (name) => daemon.kind !== 'port' && matchesText(daemon, fold(name), () => false),
  );
  const known = matching.map(facts.portsOf).filter((ports) => ports !== undefined);
  return { least: joinPorts(...known), most: ALL_PORTS };
}

function partPorts(part: readonly DaemonPattern[], facts: DaemonFacts): Meant<Ports> {
  const all = part.map((word) => {
    const ports = wordPorts(word, facts);
    if (word.host === undefined) return ports;
    // at some addresses only, which a set of ports cannot express
    facts.untranslated(word.at);
    return { least: NO_PORTS, most: ports.most };
  });
  return {
    least: joinPorts(...all.map(({ least }) => least)),
    most: joinPorts(...all.map(({ most }) => most)),
  };
}

const ANYWHERE: Meant<Addresses> = { least: EVERYBODY, most: EVERYBODY };

export function targetsOf(daemons: PatternList<DaemonPattern>, facts: DaemonFacts): readonly Target[] {
  const [first = [], ...excepted] = daemons;
  if (excepted.length === 0) {
    const anywhere = first.filter(({ host }) => host === undefined);
    const somewhere = first.flatMap((word) =>
      word.host === undefined
        ? []
        : [
            {
              ports: wordPorts(word, facts),
              server: hostAddresses(word.host, () => facts.untranslated(word.at)),
            },
          ],
    );
    return anywhere.length === 0
      ? somewhere
      : [{ ports: partPorts(anywhere, facts), server: ANYWHERE }, ...somewhere];
  }
  const ports = daemons.reduceRight<Meant<Ports>>(
    (rest, part) => {
      const { least, most } = partPorts(part, facts);
      return { least: lessPorts(least, rest.most), most: lessPorts(most, rest.least) };
    },
    { least: NO_PORTS, most: NO_PORTS },
  );
  return [{ ports, server: ANYWHERE }];
}
