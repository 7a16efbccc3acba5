// Translates hosts.allow and hosts.deny for a packet filter or for systemd: never open where the rules are not.

import { execFileSync } from 'node:child_process';

import { openFileRoot } from '../../binary/root.ts';
import { native } from '../../native.ts';
import { type DaemonHost, openDaemonHost } from '../daemon/host.ts';
import { fold } from '../fold.ts';
import type { Rule, Tables } from '../rule.ts';
import type { Accounts } from './effect.ts';
import { toNftables, UnknownPorts } from './nftables.ts';
import { joinPorts, onePort, type Ports, type PortsOf, PROTOCOLS } from './ports.ts';
import { type DaemonUnit, type DropIn, toDropIns } from './systemd.ts';
import { Losses, type Unusable, type Untranslated } from './untranslated.ts';
import { daemonText } from '../word.ts';

export interface ExportOptions {
  /** Ports of daemons, besides those that are found. */
  readonly ports: ReadonlyMap<string, Ports>;
  /** Units of daemons, besides those that are found. */
  readonly units: readonly DaemonUnit[];
  /** Directory whose services are looked at; `/` by default. */
  readonly root?: string;
}

/** What came of it: files, and what is lost; or why there is nothing. */
export type Exported =
  | { readonly files: readonly DropIn[]; readonly untranslated: readonly Untranslated[] }
  | { readonly unusable: Unusable };

const ACCOUNTS: Accounts = {
  hasUser: (name) => native.getpwnam(Buffer.from(name, 'latin1')) !== null,
  hasGroup: (name) => native.getgrnam(Buffer.from(name, 'latin1')) !== null,
};

// A service by its name in services(5), through getent(1), which knows where that is kept.
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
  return found.length === 0 ? undefined : joinPorts(...found);
}

// sshd, in.ftpd → ssh, ftp: daemons are called after their services.
function serviceNames(daemon: string): readonly string[] {
  const short = daemon.replace(/^in\.|^rpc\./, '');
  return [...new Set([daemon, short, short.replace(/d$/, '')])];
}

function openPorts(host: DaemonHost, given: ReadonlyMap<string, Ports>): PortsOf {
  const known = new Map<string, Ports | undefined>([...given].map(([name, ports]) => [fold(name), ports]));
  return (daemon) => {
    const key = fold(daemon);
    if (!known.has(key)) {
      const configured = host.servicesOf(daemon).flatMap(({ port }) => (port === undefined ? [] : [port]));
      const names = configured.length > 0 ? configured : serviceNames(key);
      const found = names.map(servicePorts).filter((ports) => ports !== undefined);
      // of names that are only guessed the first that there is
      known.set(key, found.length === 0 ? undefined : configured.length > 0 ? joinPorts(...found) : found[0]);
    }
    return known.get(key);
  };
}

/** Both files as a table of nftables. */
export function exportNftables(tables: Tables, options: ExportOptions): Exported {
  const root = openFileRoot(options.root ?? '/');
  try {
    const host = openDaemonHost(root);
    const losses = new Losses();
    const daemons = [...options.ports.keys(), ...host.services.map(({ daemon }) => daemon)];
    const portsOf = openPorts(host, options.ports);
    const text = toNftables(tables, { ...ACCOUNTS, portsOf, daemons: [...new Set(daemons)] }, losses);
    return { files: [{ path: '/etc/nftables.d/uchroot-tcpd.nft', text }], untranslated: losses.all() };
  } catch (error) {
    if (!(error instanceof UnknownPorts)) throw error;
    const { rule, word, message } = error;
    return { unusable: unusable(rule, word, message, `name them: --port ${word}=PORT[/tcp|/udp]`) };
  } finally {
    root.close();
  }
}

function unusable({ file, line }: Rule, word: string, message: string, hint: string): Unusable {
  return { file, line, word, message: `${message}, and the rule refuses: nothing is translated`, hint };
}

/** The daemons that a rule names, each by its own name. */
function namedDaemons(rule: Rule): readonly string[] {
  return rule.daemons
    .flat()
    .filter(({ daemon }) => daemon.kind === 'equal')
    .map(({ at }) => daemonText(rule, at));
}

function isForMany({ daemons }: Rule): boolean {
  return daemons.flat().some(({ daemon }) => daemon.kind !== 'equal');
}

/** Both files as drop-ins of units. */
export function exportSystemd(tables: Tables, options: ExportOptions): Exported {
  const root = openFileRoot(options.root ?? '/');
  try {
    const host = openDaemonHost(root);
    const losses = new Losses();
    const rules = [...tables.allow.table.rules, ...tables.deny.table.rules];
    const units = new Map<string, DaemonUnit>();
    const add = (found: DaemonUnit): unknown => units.set(`${found.unit}\n${fold(found.daemon)}`, found);
    for (const unit of options.units) add(unit);
    for (const rule of rules)
      for (const daemon of namedDaemons(rule)) {
        const found = unitsOf(host, daemon, options.units);
        if (found.length === 0 && rule.doubt !== false)
          return {
            unusable: unusable(
              rule,
              daemon,
              'the daemon has no unit of its own',
              `name it: --unit ${daemon}=UNIT`,
            ),
          };
        if (found.length === 0) losses.add(rule, daemon, 'the daemon has no unit of its own');
        found.forEach(add);
      }
    if (rules.some(isForMany)) {
      for (const service of host.services)
        if (service.unit !== undefined && host.isWrapped(service) === 'yes')
          add({ daemon: service.daemon, unit: service.unit });
      for (const rule of rules.filter(isForMany))
        losses.add(rule, rule.daemonText.trim(), `only ${units.size} units are restricted by it`);
    }
    const files = toDropIns(tables, [...units.values()], ACCOUNTS, losses);
    return { files, untranslated: losses.all() };
  } finally {
    root.close();
  }
}

function unitsOf(host: DaemonHost, daemon: string, given: readonly DaemonUnit[]): readonly DaemonUnit[] {
  const named = given.filter((one) => fold(one.daemon) === fold(daemon));
  if (named.length > 0) return named;
  return host.servicesOf(daemon).flatMap(({ unit }) => (unit === undefined ? [] : [{ daemon, unit }]));
}
