// The rules as drop-ins of systemd units: IPAddressAllow= and IPAddressDeny= (systemd.resource-control(5)). Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import { matchesText } from '../match/match.ts';
import type { DaemonPattern } from '../rule/pattern.ts';
import type { Tables } from '../rule/rule-table.ts';
import { fold, show } from '../text/latin1.ts';
import { exactly, except, type Meant, networks, type Ranges, union, within, without } from './ranges.ts';
import { EVERYBODY, IP4, IP6, type Losses, type Translated, translateRule } from './rule-translation.ts';

/** A file to be written. */
export interface DropIn {
  readonly path: string;
  readonly text: string;
}

export interface DaemonUnit {
  readonly daemon: string;
  readonly unit: string;
}

// Whether a word means a daemon: certainly if `least` is not empty, perhaps if only `most` is not.
function matchWord({ daemon, host }: DaemonPattern, name: string): Meant {
  const one = [{ first: 0n, last: 0n }];
  if (daemon.kind !== 'port') {
    if (!matchesText(daemon, fold(name), () => false)) return exactly([]);
    if (host === undefined) return exactly(one);
  }
  // the port of a unit and the address of the server are unknown
  return { least: [], most: one };
}

interface Matched extends Translated {
  readonly isSure: boolean;
}

// The rules that mean a daemon, or may.
function rulesFor(translated: readonly Translated[], name: string): readonly Matched[] {
  return translated.flatMap((one) => {
    const { least, most } = except(one.daemons.map((part) => part.map((word) => matchWord(word, name))));
    return most.length === 0 ? [] : [{ ...one, isSure: least.length > 0 }];
  });
}

/** The clients of a daemon: the first rule that matches decides, and the default is to grant. */
function grantedBy(rules: readonly Matched[], tables: Tables): Ranges {
  const [allow, deny] = [tables.allow, tables.deny];
  if (allow.refused !== undefined) return [];
  let granted: Ranges = [];
  let left: Ranges = EVERYBODY;
  for (const { verdict, clients, isSure } of rules)
    if (verdict === 'refuse') left = without(left, clients.most);
    else if (isSure) {
      const rest = without(left, clients.least);
      granted = union([granted, without(left, rest)]);
      left = rest;
    }
  const closed = deny.refused ?? deny.unread ?? allow.unread;
  return closed === undefined ? union([granted, left]) : granted;
}

function netTexts(addresses: Ranges): readonly string[] {
  return [IP4, IP6].flatMap((family) => {
    const nets = [...networks(within(addresses, family), family)];
    return nets.map(({ net, length }) => `${family.format(net)}/${length}`);
  });
}

// The shorter of two ways; an address on neither list is let in. The first line empties the list of the unit itself: an address on it
// would get in, whatever IPAddressDeny= says (systemd.resource-control(5)).
function settings(granted: Ranges): readonly string[] {
  const allowed = netTexts(granted).map((net) => `IPAddressAllow=${net}`);
  const denied = netTexts(without(EVERYBODY, granted)).map((net) => `IPAddressDeny=${net}`);
  const shorter = denied.length <= allowed.length ? denied : ['IPAddressDeny=any', ...allowed];
  return ['IPAddressAllow=', ...shorter];
}

// The intersection of sets.
const common = (sets: readonly Ranges[]): Ranges =>
  without(EVERYBODY, union(sets.map((set) => without(EVERYBODY, set))));

// The clients that all daemons of a unit let in.
function grantedByUnit(
  unit: string,
  daemons: readonly (readonly Matched[])[],
  tables: Tables,
  losses: Losses,
): Ranges {
  const lose = ({ rule }: Matched, how: string): void => losses.add(rule, rule.daemonText.trim(), how);
  const name = show(unit);
  for (const one of daemons.flat())
    if (!one.isSure)
      lose(
        one,
        one.verdict === 'grant' ? `it lets nobody in to ${name}` : `it may mean ${name}, and refuses`,
      );
  const sets = daemons.map((rules) => grantedBy(rules, tables));
  const granted = common(sets);
  if (sets.some((set) => without(set, granted).length > 0))
    for (const one of daemons.flat())
      lose(one, `${name} has several daemons, and lets in only clients that all of them let in`);
  return granted;
}

/**
 * Drop-ins for each unit that is not open to everybody, and for the sockets that start it: the settings of a service do not
 * apply to sockets that it is given (systemd.resource-control(5)).
 */
export function toDropIns(
  tables: Tables,
  units: readonly DaemonUnit[],
  accounts: Accounts,
  losses: Losses,
  socketsOf: (unit: string) => readonly string[] = () => [],
): readonly DropIn[] {
  const translated = [tables.allow, tables.deny].flatMap(({ rules, role }) =>
    rules.map((rule) => translateRule(rule, role, accounts, losses)),
  );
  function* dropInsOf(unit: string): Generator<DropIn, void> {
    const daemons = units.flatMap((one) => (one.unit === unit ? [rulesFor(translated, one.daemon)] : []));
    const granted = grantedByUnit(unit, daemons, tables, losses);
    if (without(EVERYBODY, granted).length === 0) return;
    const rules = new Set(daemons.flat().map(({ rule }) => rule));
    const comments = Array.from(rules, ({ file, line, text }) => `# ${show(file)}:${line}: ${show(text)}`);
    // the settings apply to all packets of the unit, also of its own connections to other hosts
    for (const name of [unit, ...socketsOf(unit)]) {
      const section = name.endsWith('.socket') ? '[Socket]' : '[Service]';
      const text = `${[...comments, section, ...settings(granted)].join('\n')}\n`;
      yield { path: `/etc/systemd/system/${name}.d/50-uchroot-tcpd.conf`, text };
    }
  }
  return [...new Set(units.map(({ unit }) => unit))].flatMap((unit) => Array.from(dropInsOf(unit)));
}
