// Translates hosts.allow and hosts.deny for a packet filter or for systemd. No client that they refuse gets in.

import { execFileSync } from 'node:child_process';

import { openFileRoot } from '../../tree/root.ts';
import { remember } from '../../values/remember.ts';
import { type DaemonHost, HOST_ACCOUNTS, openDaemonHost } from '../daemon/daemon-host.ts';
import type { Service } from '../daemon/service-files.ts';
import { daemonText, type Rule, type Tables } from '../rule/rule-table.ts';
import { fold } from '../text/latin1.ts';
import { onePort, type PortFacts } from './daemon-ports.ts';
import { toNftables, UnknownPorts } from './nftables.ts';
import { type Ranges, union } from './ranges.ts';
import { Losses, type Untranslated, type Unusable } from './rule-translation.ts';
import { type DaemonUnit, type DropIn, toDropIns } from './systemd-drop-ins.ts';

const MAX_PORT = 65535;

// Asks getent(1), because services may be stored anywhere (nsswitch.conf(5)).
function servicePorts(name: string): Ranges {
  const found = (['tcp', 'udp'] as const).map((protocol) => {
    try {
      const text = execFileSync('getent', ['services', '--', `${name}/${protocol}`], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const port = /\s(\d+)\/(tcp|udp)\b/.exec(text);
      return port === null ? [] : onePort(Number(port[1]), protocol);
    } catch {
      // there is no such service
      return [];
    }
  });
  return union(found);
}

// A port by number needs no services(5): there it may be of the other protocol alone.
function configuredPorts({ port = '', protocol }: Service): Ranges {
  if (!/^[0-9]+$/.test(port)) return servicePorts(port);
  return Number(port) <= MAX_PORT ? onePort(Number(port), protocol) : [];
}

/** Returns a function for the ports of a daemon, `given` first; each is looked up once. */
function openPorts(host: DaemonHost, given: readonly DaemonPort[]): PortFacts['portsOf'] {
  const known = new Map<string, Ranges>();
  for (const { daemon, port, protocol } of given)
    known.set(fold(daemon), union([known.get(fold(daemon)) ?? [], onePort(port, protocol)]));
  return (daemon) => {
    const key = fold(daemon);
    const ports = remember(known, key, () => {
      const configured = host.servicesOf(daemon).filter(({ port }) => port !== undefined);
      if (configured.length > 0) return union(configured.map(configuredPorts));
      // daemons are named after their services: sshd, in.ftpd → ssh, ftp; only the first service counts
      const short = key.replace(/^in\.|^rpc\./, '');
      const guessed = [...new Set([key, short, short.replace(/d$/, '')])];
      return guessed.map(servicePorts).find(({ length }) => length > 0) ?? [];
    });
    return ports.length === 0 ? undefined : ports;
  };
}

/** A port of a daemon; both protocols by default. */
export interface DaemonPort {
  readonly daemon: string;
  readonly port: number;
  readonly protocol?: 'tcp' | 'udp' | undefined;
}

export interface ExportOptions {
  /** Ports of daemons, besides those that are found. */
  readonly ports?: readonly DaemonPort[] | undefined;
  /** Units of daemons, besides those that are found. */
  readonly units?: readonly DaemonUnit[] | undefined;
  /** Directory whose services are examined; `/` by default. */
  readonly root?: string | undefined;
}

export type Exported =
  | { readonly files: readonly DropIn[]; readonly untranslated: readonly Untranslated[] }
  | { readonly unusable: Unusable };

function withHost(
  { root = '/' }: ExportOptions,
  work: (host: DaemonHost, losses: Losses) => readonly DropIn[] | Unusable,
): Exported {
  const opened = openFileRoot(root);
  try {
    const losses = new Losses();
    const made = work(openDaemonHost(opened), losses);
    return 'hint' in made ? { unusable: made } : { files: made, untranslated: losses.all() };
  } finally {
    opened.close();
  }
}

function unusable({ file, line }: Rule, word: string, message: string, hint: string): Unusable {
  return { file, line, word, message: `${message}, and the rule refuses: nothing is translated`, hint };
}

export function exportNftables(tables: Tables, options: ExportOptions): Exported {
  const { ports = [] } = options;
  return withHost(options, (host, losses) => {
    const daemons = [...new Set([...ports, ...host.services].map(({ daemon }) => daemon))];
    try {
      const facts = { ...HOST_ACCOUNTS, portsOf: openPorts(host, ports), daemons };
      return [{ path: '/etc/nftables.d/uchroot-tcpd.nft', text: toNftables(tables, facts, losses) }];
    } catch (error) {
      if (!(error instanceof UnknownPorts)) throw error;
      const { rule, word, message } = error;
      return unusable(rule, word, message, `name them: --port ${word}=PORT[/tcp|/udp]`);
    }
  });
}

/** The daemons that a rule names and does not except. */
function namedDaemons(rule: Rule): readonly string[] {
  return rule.daemons
    .filter((_, level) => level % 2 === 0)
    .flat()
    .filter(({ daemon }) => daemon.kind === 'equal')
    .map(({ at }) => daemonText(rule, at));
}

export function exportSystemd(tables: Tables, options: ExportOptions): Exported {
  const { units: given = [] } = options;
  return withHost(options, (host, losses) => {
    const rules = [...tables.allow.rules, ...tables.deny.rules];
    const units = new Map<string, DaemonUnit>();
    const add = (found: DaemonUnit): unknown => units.set(`${found.unit}\n${fold(found.daemon)}`, found);
    given.forEach(add);
    for (const rule of rules)
      for (const daemon of namedDaemons(rule)) {
        const named = given.filter((one) => fold(one.daemon) === fold(daemon));
        const own = host
          .servicesOf(daemon)
          .flatMap(({ unit }) => (unit === undefined ? [] : [{ daemon, unit }]));
        const found = named.length > 0 ? named : own;
        const message = 'the daemon has no unit of its own';
        if (found.length === 0 && rule.doubt !== false)
          return unusable(rule, daemon, message, `name it: --unit ${daemon}=UNIT`);
        if (found.length === 0) losses.add(rule, daemon, message);
        found.forEach(add);
      }
    const general = rules.filter(({ daemons }) =>
      daemons.flat().some(({ daemon }) => daemon.kind !== 'equal'),
    );
    if (general.length > 0)
      for (const service of host.services)
        if (service.unit !== undefined && host.isWrapped(service) === 'yes')
          add({ daemon: service.daemon, unit: service.unit });
    const names = [...new Set([...units.values()].map(({ unit }) => unit))].join(' ') || 'no unit';
    for (const rule of general) losses.add(rule, rule.daemonText.trim(), `restricts only ${names}`);
    return toDropIns(tables, [...units.values()], HOST_ACCOUNTS, losses, (unit) => host.socketsOf(unit));
  });
}
