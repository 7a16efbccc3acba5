// What our tables of nftables and our drop-ins say of a packet: read back, since it is text that is handed over.
import { BlockList, isIPv4 } from 'node:net';

export interface Packet {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly client: string;
  readonly server: string;
}

function listOf(elements: string): BlockList {
  const list = new BlockList();
  for (const element of elements.split(', ')) {
    const family = element.includes(':') ? 'ipv6' : 'ipv4';
    const [net = '', length] = element.split('/');
    const [first = '', last] = element.split('-');
    if (length !== undefined) list.addSubnet(net, Number(length), family);
    else if (last !== undefined) list.addRange(first, last, family);
    else list.addAddress(element, family);
  }
  return list;
}

function isPortIn(elements: string, port: number): boolean {
  return elements.split(', ').some((element) => {
    const [first = '', last = first] = element.split('-');
    return Number(first) <= port && port <= Number(last);
  });
}

// BlockList takes an IPv4 address for an IPv6 one as well.
function isIn(address: string, elements: string, word: string): boolean {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  return (word === 'ip') === isIPv4(address) && listOf(elements).check(address, family);
}

const EXPRESSIONS: readonly (readonly [RegExp, (packet: Packet, value: string, word: string) => boolean])[] =
  [
    [/^(ip6?) saddr \{ ([^}]*) \} /, ({ client }, value, word) => isIn(client, value, word)],
    [/^(ip6?) daddr \{ ([^}]*) \} /, ({ server }, value, word) => isIn(server, value, word)],
    [/^(meta nfproto) (ipv[46]) /, ({ client }, value) => isIPv4(client) === (value === 'ipv4')],
    [/^(meta l4proto) \{ (tcp, udp) \} /, () => true],
    [/^(meta l4proto) (tcp|udp) /, ({ protocol }, value) => protocol === value],
    [/^(th) dport \{ ([^}]*) \} /, ({ port }, value) => isPortIn(value, port)],
    [
      /^(tcp|udp) dport \{ ([^}]*) \} /,
      ({ port, protocol }, value, word) => protocol === word && isPortIn(value, port),
    ],
  ];

function matches(line: string, packet: Packet): boolean {
  let rest = line;
  while (!/^(?:accept|drop)$/.test(rest)) {
    const found = EXPRESSIONS.map(([pattern, test]) => [pattern.exec(rest), test] as const).find(
      ([match]) => match !== null,
    );
    const [match, test] = found ?? [];
    if (match === undefined || match === null || test === undefined) throw new Error(`what is "${rest}"?`);
    const [all, word = '', value = ''] = match;
    if (!test(packet, value, word)) return false;
    rest = rest.slice(all.length);
  }
  return true;
}

/** Whether a new connection passes the table. */
export function passesNftables(text: string, packet: Packet): boolean {
  const lines = text.split('\n').map((line) => line.trim());
  const rules = lines.filter((line) => /^[^#].* (?:accept|drop)$/.test(line) && !/^ct |policy/.test(line));
  const rule = rules.find((line) => matches(line, packet));
  return rule?.endsWith('drop') !== true;
}

/** Whether a client passes a drop-in, or a unit with its drop-ins (systemd.resource-control(5)). */
export function passesDropIn(text: string, client: string): boolean {
  const word = isIPv4(client) ? 'ip' : 'ip6';
  const nets = (setting: string) => {
    const all = [...text.matchAll(new RegExp(`^${setting}=(\\S*)$`, 'gm'))].map(([, net = '']) => net);
    // an empty assignment takes back the earlier ones
    return all.slice(all.lastIndexOf('') + 1);
  };
  const isMeant = (net: string) =>
    net === 'any' || (net.includes(':') === (word === 'ip6') && isIn(client, net, word));
  return nets('IPAddressAllow').some(isMeant) || !nets('IPAddressDeny').some(isMeant);
}
