// Translates hosts.allow and hosts.deny for a packet filter or for systemd: never open where the rules are not.

import { openFileRoot } from '../../binary/root.ts';
import { HOST_ACCOUNTS } from '../daemon/accounts.ts';
import { type DaemonHost, openDaemonHost } from '../daemon/host.ts';
import type { Rule, Tables } from '../rule/rule.ts';
import { daemonText } from '../rule/word.ts';
import { fold } from '../text/fold.ts';
import { toNftables, UnknownPorts } from './nftables.ts';
import type { Ports } from './ports.ts';
import { openPorts } from './services.ts';
import { type DaemonUnit, type DropIn, toDropIns } from './systemd.ts';
import { Losses, type Unusable, type Untranslated } from './untranslated.ts';

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

// With the services of the host, and a place for what is lost.
function withHost(options: ExportOptions, work: (host: DaemonHost, losses: Losses) => Exported): Exported {
  const root = openFileRoot(options.root ?? '/');
  try {
    return work(openDaemonHost(root), new Losses());
  } finally {
    root.close();
  }
}

/** Both files as a table of nftables. */
export function exportNftables(tables: Tables, options: ExportOptions): Exported {
  return withHost(options, (host, losses) => {
    const daemons = [...options.ports.keys(), ...host.services.map(({ daemon }) => daemon)];
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

/** The daemons that a rule names and does not except, each by its own name. */
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

/** Both files as drop-ins of units. */
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
    return {
      files: toDropIns(tables, [...units.values()], HOST_ACCOUNTS, losses),
      untranslated: losses.all(),
    };
  });
}

function unitsOf(host: DaemonHost, daemon: string, given: readonly DaemonUnit[]): readonly DaemonUnit[] {
  const named = given.filter((one) => fold(one.daemon) === fold(daemon));
  if (named.length > 0) return named;
  return host.servicesOf(daemon).flatMap(({ unit }) => (unit === undefined ? [] : [{ daemon, unit }]));
}
