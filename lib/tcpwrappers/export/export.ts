// Translates hosts.allow and hosts.deny for a packet filter or for systemd. The result never admits a client that the
// rules refuse.

import { execFileSync } from 'node:child_process';

import { openFileRoot } from '../../binary/root.ts';
import { type DaemonHost, HOST_ACCOUNTS, openDaemonHost } from '../daemon/daemon-host.ts';
import { daemonText, type Rule, type Tables } from '../rule/rule-table.ts';
import { fold } from '../text/latin1.ts';
import { onePort, PORTS, type Ports, type PortsOf, PROTOCOLS } from './daemon-ports.ts';
import { toNftables, UnknownPorts } from './nftables.ts';
import { Losses, type Untranslated, type Unusable } from './rule-translation.ts';
import { type DaemonUnit, type DropIn, toDropIns } from './systemd-drop-ins.ts';

// Asks getent(1), because services may be stored anywhere (nsswitch.conf(5)).
function servicePorts(name: string): Ports | undefined {
  const found = PROTOCOLS.flatMap((protocol) => {
    try {
      const text = execFileSync('getent', ['services', '--', `${name}/${protocol}`], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const port = /\s(\d+)\/(tcp|udp)\b/.exec(text);
      return port === null ? [] : [onePort(Number(port[1]), protocol)];
    } catch {
      // there is no such service
      return [];
    }
  });
  return found.length === 0 ? undefined : PORTS.union(...found);
}

// Daemons are named after their services: sshd, in.ftpd → ssh, ftp.
function serviceNames(daemon: string): readonly string[] {
  const short = daemon.replace(/^in\.|^rpc\./, '');
  return [...new Set([daemon, short, short.replace(/d$/, '')])];
}

/** Returns a function for the ports of a daemon, `given` first; each is looked up once. */
function openPorts(host: DaemonHost, given: readonly DaemonPort[]): PortsOf {
  const known = new Map<string, Ports | undefined>();
  for (const { daemon, port, protocol } of given) {
    const before = known.get(fold(daemon)) ?? PORTS.nothing;
    known.set(fold(daemon), PORTS.union(before, onePort(port, protocol)));
  }
  return (daemon) => {
    const key = fold(daemon);
    if (!known.has(key)) {
      const configured = host.servicesOf(daemon).flatMap(({ port }) => (port === undefined ? [] : [port]));
      const names = configured.length > 0 ? configured : serviceNames(key);
      const found = names.map(servicePorts).filter((ports) => ports !== undefined);
      // of guessed names, only the first service counts
      known.set(
        key,
        found.length === 0 ? undefined : configured.length > 0 ? PORTS.union(...found) : found[0],
      );
    }
    return known.get(key);
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
  readonly ports: readonly DaemonPort[];
  /** Units of daemons, besides those that are found. */
  readonly units: readonly DaemonUnit[];
  /** Directory whose services are examined; `/` by default. */
  readonly root?: string;
}

/** The files and what is lost, or why nothing is translated. */
export type Exported =
  | { readonly files: readonly DropIn[]; readonly untranslated: readonly Untranslated[] }
  | { readonly unusable: Unusable };

function withHost(options: ExportOptions, work: (host: DaemonHost, losses: Losses) => Exported): Exported {
  const root = openFileRoot(options.root ?? '/');
  try {
    return work(openDaemonHost(root), new Losses());
  } finally {
    root.close();
  }
}

/** Translates both files into a table of nftables. */
export function exportNftables(tables: Tables, options: ExportOptions): Exported {
  return withHost(options, (host, losses) => {
    const daemons = [...options.ports, ...host.services].map(({ daemon }) => daemon);
    const portsOf = openPorts(host, options.ports);
    try {
      const text = toNftables(tables, { ...HOST_ACCOUNTS, portsOf, daemons: [...new Set(daemons)] }, losses);
      return { files: [{ path: '/etc/nftables.d/uchroot-tcpd.nft', text }], untranslated: losses.all() };
    } catch (error) {
      if (!(error instanceof UnknownPorts)) throw error;
      const { rule, word, message } = error;
      return { unusable: unusable(rule, word, message, `name them: --port ${word}=PORT[/tcp|/udp]`) };
    }
  });
}

function unusable({ file, line }: Rule, word: string, message: string, hint: string): Unusable {
  return { file, line, word, message: `${message}, and the rule refuses: nothing is translated`, hint };
}

/** The daemons that a rule names and does not except. */
function namedDaemons(rule: Rule): readonly string[] {
  return rule.daemons
    .filter((_, level) => level % 2 === 0)
    .flat()
    .filter(({ daemon }) => daemon.kind === 'equal')
    .map(({ at }) => daemonText(rule, at));
}

function isForMany({ daemons }: Rule): boolean {
  return daemons.flat().some(({ daemon }) => daemon.kind !== 'equal');
}

/** Translates both files into drop-ins of units. */
export function exportSystemd(tables: Tables, options: ExportOptions): Exported {
  return withHost(options, (host, losses) => {
    const rules = [...tables.allow.table.rules, ...tables.deny.table.rules];
    const units = new Map<string, DaemonUnit>();
    const add = (found: DaemonUnit): unknown => units.set(`${found.unit}\n${fold(found.daemon)}`, found);
    options.units.forEach(add);
    for (const rule of rules)
      for (const daemon of namedDaemons(rule)) {
        const found = unitsOf(host, daemon, options.units);
        const message = 'the daemon has no unit of its own';
        if (found.length === 0 && rule.doubt !== false)
          return { unusable: unusable(rule, daemon, message, `name it: --unit ${daemon}=UNIT`) };
        if (found.length === 0) losses.add(rule, daemon, message);
        found.forEach(add);
      }
    const general = rules.filter(isForMany);
    if (general.length > 0)
      for (const service of host.services)
        if (service.unit !== undefined && host.isWrapped(service) === 'yes')
          add({ daemon: service.daemon, unit: service.unit });
    const names = [...new Set([...units.values()].map(({ unit }) => unit))].join(' ') || 'no unit';
    for (const rule of general) losses.add(rule, rule.daemonText.trim(), `restricts only ${names}`);
    const files = toDropIns(tables, [...units.values()], HOST_ACCOUNTS, losses);
    return { files, untranslated: losses.all() };
  });
}

function unitsOf(host: DaemonHost, daemon: string, given: readonly DaemonUnit[]): readonly DaemonUnit[] {
  const named = given.filter((one) => fold(one.daemon) === fold(daemon));
  if (named.length > 0) return named;
  return host.servicesOf(daemon).flatMap(({ unit }) => (unit === undefined ? [] : [{ daemon, unit }]));
}
