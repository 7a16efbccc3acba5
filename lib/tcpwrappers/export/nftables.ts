// The rules as a table of nftables (nft(8)): the first match decides, and the default is to accept. Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import { daemonText, type Rule, type Tables, wordText } from '../rule/rule-table.ts';
import { formatQuad, formatWords } from '../text/address.ts';
import { show } from '../text/latin1.ts';
import { type Addresses, ADDRESSES, EVERYBODY } from './client-addresses.ts';
import { daemonPorts, PORTS, type Ports, type PortsOf, PROTOCOLS, targetsOf } from './daemon-ports.ts';
import { networks, type Ranges } from './ranges.ts';
import { type Losses, type Translated, translateRule } from './rule-translation.ts';

export interface NftablesFacts extends Accounts {
  readonly portsOf: PortsOf;
  readonly daemons: readonly string[];
}

/** A rule refuses clients of a daemon whose ports are unknown: every port would have to be closed. */
export class UnknownPorts extends Error {
  readonly rule: Rule;
  readonly word: string;

  constructor(rule: Rule, word: string) {
    super(`the ports of ${show(word)} are not known`);
    this.rule = rule;
    this.word = word;
  }
}

function portText(ranges: Ranges): string {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}

// Matches packets by port: one expression if both protocols have the same ports.
function portMatches({ tcp, udp }: Ports): readonly string[] {
  const texts = { tcp: portText(tcp), udp: portText(udp) };
  const every = '0-65535';
  if (texts.tcp === texts.udp && texts.tcp !== '')
    return [`meta l4proto { tcp, udp }${texts.tcp === every ? '' : ` th dport { ${texts.tcp} }`}`];
  return PROTOCOLS.filter((protocol) => texts[protocol] !== '').map((protocol) =>
    texts[protocol] === every ? `meta l4proto ${protocol}` : `${protocol} dport { ${texts[protocol]} }`,
  );
}

const FAMILIES = {
  ip4: { keyword: 'ip', protocol: 'ipv4', bits: 32, format: formatQuad },
  ip6: { keyword: 'ip6', protocol: 'ipv6', bits: 128, format: formatWords },
} as const;

// Ranges as elements of a set: an address, a network, or first-last.
function netText(ranges: Ranges, family: keyof Addresses): string {
  const { bits, format } = FAMILIES[family];
  return ranges
    .map((range) => {
      const [one, ...more] = networks([range], bits);
      if (one === undefined || more.length > 0) return `${format(range.first)}-${format(range.last)}`;
      return one.length === bits ? format(one.net) : `${format(one.net)}/${one.length}`;
    })
    .join(', ');
}

function isEverybody(addresses: Addresses): boolean {
  return ADDRESSES.isEmpty(ADDRESSES.less(EVERYBODY, addresses));
}

// Matches packets by address: one expression if the family does not matter.
function addressMatches(client: Addresses, server: Addresses): readonly string[] {
  if (isEverybody(client) && isEverybody(server)) return [''];
  return (['ip4', 'ip6'] as const).flatMap((family) => {
    if (client[family].length === 0 || server[family].length === 0) return [];
    const { keyword, protocol } = FAMILIES[family];
    const match = (field: string, addresses: Addresses): string => {
      const nets = netText(addresses[family], family);
      // the whole family
      return /^[^,]*\/0$/.test(nets) ? '' : `${keyword} ${field} { ${nets} } `;
    };
    return [match('saddr', client) + match('daddr', server) || `meta nfproto ${protocol} `];
  });
}

function* ruleLines(translated: Translated, facts: NftablesFacts): Generator<string, void> {
  const { rule, daemons, clients, verdict, lose } = translated;
  const nameAt = (at: number): string => daemonText(rule, at);
  // a rule that grants must not let in too many, one that refuses must not refuse too few
  const bound = verdict === 'grant' ? 'least' : 'most';
  for (const { ports, server } of targetsOf(daemons, { ...facts, nameAt, untranslated: lose })) {
    if (verdict === 'refuse' && !PORTS.isEmpty(PORTS.less(ports.most, ports.least))) {
      const unknown = rule.daemons
        .flat()
        .find((word) => daemonPorts(word, { ...facts, nameAt }) === undefined);
      throw new UnknownPorts(rule, unknown === undefined ? rule.daemonText : wordText(rule, unknown.at));
    }
    for (const addresses of addressMatches(clients[bound], server[bound]))
      for (const packets of portMatches(ports[bound]))
        yield `${addresses}${packets} ${verdict === 'grant' ? 'accept' : 'drop'}`;
  }
}

/**
 * A table of nftables for both files.
 * @throws {UnknownPorts}
 */
export function toNftables({ allow, deny }: Tables, facts: NftablesFacts, losses: Losses): string {
  const lines: string[] = [];
  for (const { table } of [allow, deny]) {
    for (const rule of table.rules) {
      lines.push(`# ${show(rule.file)}:${rule.line}: ${show(rule.text)}`);
      lines.push(...ruleLines(translateRule(rule, table.role, facts, losses), facts));
    }
    if (table.refused !== undefined)
      lines.push(`# ${table.refused.message}`, 'meta l4proto { tcp, udp } drop');
  }
  const unread = deny.table.unread ?? allow.table.unread;
  if (unread !== undefined) lines.push(`# ${unread.message}`, 'meta l4proto { tcp, udp } drop');
  // the first line creates the table if need be, so that deleting it cannot fail
  return `table inet uchroot_tcpd
delete table inet uchroot_tcpd
table inet uchroot_tcpd {
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
${lines.map((line) => `    ${line}\n`).join('')}  }
}
`;
}
