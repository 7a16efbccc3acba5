// What requests hold: a few daemons, hosts and users, of which the words of the rules are made.
import type { TestRequest } from '../../tcpwrappers-oracle.ts';
import type { Random } from '../../tcpwrappers-random.ts';

/** What the requests of a set are made of. */
export interface World {
  readonly daemons: readonly string[];
  readonly hosts: readonly { readonly address: string; readonly name: string }[];
  readonly users: readonly string[];
  readonly ports: readonly number[];
  /** Absolute paths of files of patterns. */
  readonly lists: readonly string[];
  /** A directory with banners. */
  readonly banners: string;
  /** Commands are not run, and may decide. */
  readonly isDry: boolean;
}

/** The words of a text. */
export function split(text: string): readonly string[] {
  return text.trim().split(/ +|\n */);
}

// As the word of a client a path is a file of patterns, which must not be there: an installed sshd has words too.
const DAEMONS = [
  ...split('sshd in.ftpd in.telnetd vsftpd smtp a.b.c in. .ftpd unknown known all paranoid 22 022 x@y'),
  ...split('/no/such/sshd [::1] * local Xyz sshd-\xe9\xc9 except %d 10.0.0.1'),
  'long'.repeat(40),
];
const COMMON_DAEMONS = split('sshd in.ftpd vsftpd');

const ADDRESSES = [
  ...split('10.0.0.1 10.0.0.2 10.0.1.1 10.1.2.3 192.168.7.9 192.168.7.255 127.0.0.1 255.255.255.255 0.0.0.0'),
  ...split(
    '1.2.3.4 100.64.0.1 172.16.5.4 ::1 :: 2001:db8::1 2001:db8::2 2001:0DB8:0:0::1 fe80::1 fe80::1%lo',
  ),
  ...split(
    'fe80::1%nosuch fe80::1%1 ff02::1 ::ffff:10.0.0.1 ::FFFF:192.168.7.9 ::ffff:a00:1 0::ffff:10.0.0.1',
  ),
  ...split(
    '::ffff:255.255.255.255 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 1:2:3:4:5:6:7:8 1:2:3:4:5:6:1.2.3.4',
  ),
  ...split('dead::beef dead:beef:: unknown unknown unknown paranoid'),
  // callers of the library can say anything
  ...split('012.0.0.1 0x0a.0.0.1 10.0.1 10 foo 10..0.1 010.0.0.01 10.0.0.1. 1.2.3 ::ffff:10.0.1'),
  '10.0.0.1 ',
];

const NAMES = [
  ...split('unknown paranoid localhost host host.example.com www.example.com example.com a.b.example.com'),
  ...split('evil.com 10.evil.com HOST.Example.Com x.y h ab abc KNOWN ALL LOCAL Unknown PARANOID all except'),
  ...split("10.0.0.1 ::1 .com host. a'b;c $(id) h\xf6st.example [::1] fe80::1%lo host,x %n host@x"),
  `${'n'.repeat(130)}.com`,
];

const USERS = [
  ...split('root root joe Joe unknown unknown known all a.b wie;tse 22 .x jo\xe9 paranoid'),
  'u'.repeat(140),
];

export function makeWorld(random: Random, directory: string): World {
  return {
    daemons: random.list(1, 3, () => random.pick(random.oneIn(3) ? DAEMONS : COMMON_DAEMONS)),
    hosts: random.list(2, 4, () => ({ address: random.pick(ADDRESSES), name: random.pick(NAMES) })),
    users: random.list(1, 2, () => random.pick(USERS)),
    ports: random.list(1, 2, () => random.pick([0, 22, 21, 80, 65535, 1024])),
    lists: split('one two three gone directory loop').map((name) => `${directory}/${name}`),
    banners: `${directory}/banners`,
    isDry: random.oneIn(4),
  };
}

export function makeRequest(random: Random, world: World): TestRequest {
  const client = random.pick(world.hosts);
  const server = random.pick(world.hosts);
  const ports = [random.pick([0, 1, 4711, 65535]), random.pick(world.ports)] as const;
  return {
    daemon: random.pick(world.daemons),
    address: random.oneIn(6) ? random.pick(ADDRESSES) : client.address,
    name: random.oneIn(6) ? random.pick(NAMES) : client.name,
    isNameKnown: random.oneIn(3),
    user: random.pick(world.users),
    isUserKnown: random.oneIn(3),
    serverAddress: random.oneIn(5) ? 'unknown' : server.address,
    serverName: random.oneIn(5) ? 'unknown' : server.name,
    isServerNameKnown: random.oneIn(3),
    ...(random.oneIn(3) ? {} : { ports }),
    isDry: world.isDry,
  };
}
