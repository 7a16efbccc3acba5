// The rules as drop-ins of systemd units: IPAddressAllow= and IPAddressDeny= (systemd.resource-control(5)). Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import { matchesText } from '../match/match.ts';
import type { DaemonPattern, PatternList } from '../rule/pattern.ts';
import type { Tables } from '../rule/rule-table.ts';
import { formatQuad, formatWords } from '../text/address.ts';
import { fold, show } from '../text/latin1.ts';
import { type Addresses, ADDRESSES, EVERYBODY } from './client-addresses.ts';
import { networks } from './ranges.ts';
import { type Losses, type Translated, translateRule } from './rule-translation.ts';

/** A file to be written. */
export interface DropIn {
  readonly path: string;
  readonly text: string;
}

/** A unit, and the process name of its daemon. */
export interface DaemonUnit {
  readonly daemon: string;
  readonly unit: string;
}

type Match = 'yes' | 'no' | 'maybe';

function matchWord({ daemon, host }: DaemonPattern, name: string): Match {
  // the port of a unit and the address of the server are unknown
  if (daemon.kind === 'port') return 'maybe';
  if (!matchesText(daemon, fold(name), () => false)) return 'no';
  return host === undefined ? 'yes' : 'maybe';
}

function matchList(daemons: PatternList<DaemonPattern>, name: string): Match {
  return daemons.reduceRight<Match>((rest, part) => {
    const words = new Set(part.map((word) => matchWord(word, name)));
    const word = words.has('yes') ? 'yes' : words.has('maybe') ? 'maybe' : 'no';
    if (word === 'no' || rest === 'yes') return 'no';
    return word === 'maybe' || rest === 'maybe' ? 'maybe' : 'yes';
  }, 'no');
}

/** The clients of a daemon: the first rule that matches decides, and the default is to grant. */
function grantedBy(translated: readonly Translated[], daemon: string, tables: Tables): Addresses {
  const [allow, deny] = [tables.allow.table, tables.deny.table];
  if (allow.refused !== undefined) return ADDRESSES.nothing;
  let granted = ADDRESSES.nothing;
  let left = EVERYBODY;
  for (const { daemons, verdict, clients } of translated) {
    const match = matchList(daemons, daemon);
    if (match === 'no') continue;
    if (verdict === 'refuse') left = ADDRESSES.less(left, clients.most);
    else if (match === 'yes') {
      const rest = ADDRESSES.less(left, clients.least);
      granted = ADDRESSES.union(granted, ADDRESSES.less(left, rest));
      left = rest;
    }
  }
  const closed = deny.refused ?? deny.unread ?? allow.unread;
  return closed === undefined ? ADDRESSES.union(granted, left) : granted;
}

function netTexts({ ip4, ip6 }: Addresses): readonly string[] {
  return [
    ...[...networks(ip4, 32)].map(({ net, length }) => `${formatQuad(net)}/${length}`),
    ...[...networks(ip6, 128)].map(({ net, length }) => `${formatWords(net)}/${length}`),
  ];
}

// The shorter of two ways; an address on neither list is let in.
function settings(granted: Addresses): readonly string[] {
  const allowed = netTexts(granted).map((net) => `IPAddressAllow=${net}`);
  const denied = netTexts(ADDRESSES.less(EVERYBODY, granted)).map((net) => `IPAddressDeny=${net}`);
  return denied.length <= allowed.length ? denied : ['IPAddressDeny=any', ...allowed];
}

/** A drop-in for each unit that is not open to everybody. */
export function toDropIns(
  tables: Tables,
  units: readonly DaemonUnit[],
  accounts: Accounts,
  losses: Losses,
): readonly DropIn[] {
  const translated = [tables.allow.table, tables.deny.table].flatMap(({ rules, role }) =>
    rules.map((rule) => translateRule(rule, role, accounts, losses)),
  );
  return units.flatMap(({ daemon, unit }) => {
    for (const { rule, daemons, verdict } of translated) {
      const how =
        verdict === 'grant' ? `it lets nobody in to ${show(unit)}` : `it may mean ${show(unit)}, and refuses`;
      if (matchList(daemons, daemon) === 'maybe') losses.add(rule, rule.daemonText.trim(), how);
    }
    const granted = grantedBy(translated, daemon, tables);
    if (ADDRESSES.isEmpty(ADDRESSES.less(EVERYBODY, granted))) return [];
    const rules = translated
      .filter(({ daemons }) => matchList(daemons, daemon) !== 'no')
      .map(({ rule }) => `# ${show(rule.file)}:${rule.line}: ${show(rule.text)}`);
    // the settings apply to all packets of the unit, also of its own connections to other hosts
    const text = `${[...rules, '[Service]', ...settings(granted)].join('\n')}\n`;
    return [{ path: `/etc/systemd/system/${unit}.d/50-uchroot-tcpd.conf`, text }];
  });
}
