// The rules as a table of nftables (nft(8)): the first match decides, and the default is to accept. Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import { type Rule, type Tables, wordText } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import { daemonPorts, type PortFacts, PROTOCOLS, targetsOf } from './daemon-ports.ts';
import { networks, type Ranges, within, without } from './ranges.ts';
import { EVERYBODY, IP4, IP6, type Losses, type Translated, translateRule } from './rule-translation.ts';

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

// Matches packets by port: one expression if both protocols have the same ports.
function portMatches(ports: Ranges): readonly string[] {
  const every = '0-65535';
  const [tcp, udp] = [PROTOCOLS.tcp, PROTOCOLS.udp].map((band) =>
    within(ports, band)
      .map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`))
      .join(', '),
  );
  if (tcp === udp && tcp !== '')
    return [`meta l4proto { tcp, udp }${tcp === every ? '' : ` th dport { ${tcp} }`}`];
  return Object.entries({ tcp, udp })
    .filter(([, text]) => text !== '')
    .map(([name, text]) => (text === every ? `meta l4proto ${name}` : `${name} dport { ${text} }`));
}

// Matches packets by address: one expression if the family does not matter.
function addressMatches(client: Ranges, server: Ranges): readonly string[] {
  if ([client, server].every((set) => without(EVERYBODY, set).length === 0)) return [''];
  return [IP4, IP6].flatMap((family) => {
    const [clients, servers] = [within(client, family), within(server, family)];
    if (clients.length === 0 || servers.length === 0) return [];
    const { keyword, protocol, bits, format } = family;
    // each range as an element of a set: an address, a network, or first-last
    const match = (field: string, ranges: Ranges): string => {
      const nets = ranges.map((range) => {
        const [one, ...more] = networks([range], family);
        if (one === undefined || more.length > 0) return `${format(range.first)}-${format(range.last)}`;
        return one.length === bits ? format(one.net) : `${format(one.net)}/${one.length}`;
      });
      // the whole family
      return nets.length === 1 && nets[0]?.endsWith('/0') === true
        ? ''
        : `${keyword} ${field} { ${nets.join(', ')} } `;
    };
    return [match('saddr', clients) + match('daddr', servers) || `meta nfproto ${protocol} `];
  });
}

function* ruleLines(translated: Translated, facts: PortFacts): Generator<string, void> {
  const { rule, clients, verdict } = translated;
  // a rule that grants must not let in too many, one that refuses must not refuse too few
  const bound = verdict === 'grant' ? 'least' : 'most';
  for (const { ports, server } of targetsOf(translated, facts)) {
    if (verdict === 'refuse' && without(ports.most, ports.least).length > 0) {
      const unknown = rule.daemons.flat().find((word) => daemonPorts(word, rule, facts) === undefined);
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
export function toNftables({ allow, deny }: Tables, facts: PortFacts & Accounts, losses: Losses): string {
  const lines: string[] = [];
  const drop = ({ message }: { readonly message: string }): unknown =>
    lines.push(`# ${message}`, 'meta l4proto { tcp, udp } drop');
  for (const table of [allow, deny]) {
    for (const rule of table.rules) {
      lines.push(`# ${show(rule.file)}:${rule.line}: ${show(rule.text)}`);
      lines.push(...ruleLines(translateRule(rule, table.role, facts, losses), facts));
    }
    if (table.refused !== undefined) drop(table.refused);
  }
  const unread = deny.unread ?? allow.unread;
  if (unread !== undefined) drop(unread);
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
