// Rule files and requests that have to do with each other: words are made of what the requests hold, and often
// changed a little, so that matches and near-misses are both common.
import type { Random } from '../support/tcpwrappers-random.ts';
import type { TestFile, TestRequest, TestSet } from '../support/tcpwrappers-oracle.ts';
import { makeThirdField } from './generate-options.ts';

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

const DAEMONS = [
  'sshd', 'in.ftpd', 'in.telnetd', 'vsftpd', 'smtp', 'a.b.c', 'in.', '.ftpd', 'unknown', 'known', 'all', 'paranoid', '22', '022',
  'x@y', '/usr/sbin/sshd', '[::1]', '*', 'local', 'Xyz', 'sshd-\xe9\xc9', `${'long'.repeat(40)}`, 'except', '%d', '10.0.0.1',
];
const ADDRESSES = [
  '10.0.0.1', '10.0.0.2', '10.0.1.1', '10.1.2.3', '192.168.7.9', '192.168.7.255', '127.0.0.1', '255.255.255.255', '0.0.0.0', '1.2.3.4',
  '::1', '::', '2001:db8::1', '2001:db8::2', '2001:0DB8:0:0::1', 'fe80::1', 'fe80::1%lo', 'fe80::1%nosuch', 'fe80::1%1', 'ff02::1', '::ffff:10.0.0.1',
  '::FFFF:192.168.7.9', '::ffff:a00:1', '0::ffff:10.0.0.1', '::ffff:255.255.255.255', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '1:2:3:4:5:6:7:8',
  '1:2:3:4:5:6:1.2.3.4', 'unknown', 'paranoid', '012.0.0.1', '0x0a.0.0.1', '10.0.1', '10', 'foo', '10.0.0.1 ', '10..0.1', '010.0.0.01', '10.0.0.1.', '1.2.3',
  '::ffff:10.0.1', 'dead::beef', 'dead:beef::', '100.64.0.1', '172.16.5.4',
];
const NAMES = [
  'unknown', 'paranoid', 'localhost', 'host', 'host.example.com', 'www.example.com', 'example.com', 'a.b.example.com', 'evil.com', '10.evil.com',
  'HOST.Example.Com', 'x.y', 'KNOWN', 'ALL', 'LOCAL', 'Unknown', 'PARANOID', 'h', 'ab', 'abc', '10.0.0.1', '::1', '.com', 'host.', "a'b;c", '$(id)',
  'h\xf6st.example', `${'n'.repeat(130)}.com`, '[::1]', 'all', 'except', 'fe80::1%lo', 'host,x', '%n', 'host@x',
];
const USERS = ['root', 'joe', 'unknown', 'Joe', 'known', 'all', 'a.b', 'wie;tse', '22', 'unknown', 'root', '.x', `${'u'.repeat(140)}`, 'jo\xe9', 'paranoid'];

export function makeWorld(random: Random, directory: string): World {
  return {
    daemons: random.list(1, 3, () => (random.oneIn(3) ? random.pick(DAEMONS) : random.pick(['sshd', 'in.ftpd', 'vsftpd']))),
    hosts: random.list(2, 5, () => ({ address: random.pick(ADDRESSES), name: random.pick(NAMES) })),
    users: random.list(1, 2, () => random.pick(USERS)),
    ports: random.list(1, 2, () => random.pick([0, 22, 21, 80, 65535, 1024])),
    lists: ['one', 'two', 'three', 'gone', 'directory', 'loop'].map((name) => `${directory}/${name}`),
    banners: `${directory}/banners`,
    isDry: random.oneIn(4),
  };
}

export function makeRequest(random: Random, world: World): TestRequest {
  const client = random.pick(world.hosts);
  const server = random.pick(world.hosts);
  const hasPorts = random.below(3) > 0;
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
    ...(hasPorts ? { ports: [random.pick([0, 1, 4711, 65535]), random.pick(world.ports)] as const } : {}),
    isDry: world.isDry,
  };
}

// --- words ---

// One character changed, taken away or added.
function spoil(random: Random, word: string): string {
  const at = random.below(word.length + 1);
  const extra = random.pick([...'.:/*?@[]%-+0189afx#=\\;,!~', '\v', '\f', '\x80', ' ', '\t', '\r']);
  return random.choose(
    [1, () => word.slice(0, at) + extra + word.slice(at)],
    [1, () => word.slice(0, at) + word.slice(at + 1)],
    [1, () => word.slice(0, at) + extra + word.slice(at + 1)],
  );
}

function swapCase(random: Random, word: string): string {
  return [...word]
    .map((letter) => (random.oneIn(2) ? letter.toUpperCase() : letter.toLowerCase()))
    .join('');
}

// A part of a value as the language has parts.
function cut(random: Random, value: string): string {
  const dots = [...value.matchAll(/\./g)].map((found) => found.index);
  const dot = dots.length > 0 ? random.pick(dots) : random.below(value.length + 1);
  const at = random.below(value.length + 1);
  return random.choose(
    [3, () => value.slice(dot)],
    [3, () => value.slice(0, dot + 1)],
    [1, () => value.slice(at)],
    [1, () => value.slice(0, at)],
    [1, () => `.${value}`],
    [1, () => `${value}.`],
  );
}

// Of few wildcards only: libwrap takes exponential time for many.
function blur(random: Random, value: string, most = 3): string {
  const from = random.below(value.length + 1);
  const to = from + random.below(Math.max(1, value.length + 1 - from));
  const wild = random.pick(['*', '*', '*', '?', '**', '?*', '*?', '***', '??']);
  const blurred = value.slice(0, from) + wild + value.slice(to);
  return most > 1 && random.oneIn(3) ? blur(random, blurred, most - 1) : blurred;
}

/** A word about a text: the text, a part of it, a wildcard, a keyword. */
function makeText(random: Random, value: string): string {
  return random.choose(
    [6, () => value],
    [3, () => cut(random, value)],
    [3, () => blur(random, value)],
    [2, () => 'ALL'],
    [1, () => random.pick(['KNOWN', 'UNKNOWN', 'LOCAL', 'PARANOID', 'known', 'All'])],
  );
}

const MASKS = [
  '8', '16', '24', '32', '31', '1', '0', '33', '08', '+8', '-8', '8x', '0x8', '', 'x', '255.0.0.0', '255.255.255.0', '255.255.255.255', '0.0.0.0', '255.255',
  '255.0.255.0', '0.0.0.255', '0xff.0.0.0', '0377.0.0.0', '8/8', '4294967304', '99999999999999999999', '255.255.255.254', '\v8', '192.0.0.0', '30', '12',
];
const LENGTHS = [
  '0', '1', '16', '32', '48', '63', '64', '65', '112', '127', '128', '129', '-1', '', 'x', '0x40', '/64', '064', '+64', '64x', '4294967296', '4294967360', '00', '-0',
];

function makeNet4(random: Random, address: string): string {
  const quad = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1) ?? ['10', '0', '0', '1'];
  const keep = random.below(5);
  const net = quad.map((part, i) => (i < keep ? part : '0'));
  const shown = random.oneIn(6)
    ? net.map((part) => random.pick([part, `0${Number(part).toString(8)}`, `0x${Number(part).toString(16)}`]))
    : net;
  const mask = random.oneIn(2) && keep > 0 && keep < 5 ? String(8 * Math.min(keep, 4)) : random.pick(MASKS);
  return `${random.oneIn(12) ? cut(random, shown.join('.')) : shown.join('.')}/${mask}`;
}

function makeNet6(random: Random, address: string): string {
  const inside = random.choose(
    [4, () => (address.includes(':') ? address : '2001:db8::1')],
    [1, () => random.pick(['::', '2001:db8::', 'fe80::', '::1', 'dead::', '::ffff:0:0', '10.0.0.1', '', 'x', '2001:DB8:0::0.0.0.1'])],
    [1, () => `${random.pick(['fe80::1', '2001:db8::1', 'ff01::1', 'fec0::1'])}%${random.pick(['lo', 'nosuch', '1', '99', '', '1x'])}`],
  );
  const word = random.oneIn(12) ? `[${inside}` : `[${inside}]`;
  return random.choose(
    [2, () => word],
    [3, () => `${word}/${random.pick(LENGTHS)}`],
    [1, () => `[${inside}/${random.pick(LENGTHS)}]`],
    [1, () => `${inside}/${random.pick(LENGTHS)}`],
  );
}

/** A word about an endpoint. */
function makeHost(random: Random, world: World): string {
  const { address, name } = random.pick(world.hosts);
  return random.choose(
    [4, () => makeText(random, address)],
    [4, () => makeText(random, name)],
    [3, () => makeNet4(random, address.replace(/^::ffff:/i, ''))],
    [3, () => makeNet6(random, address)],
    [1, () => random.pick(world.lists)],
    [1, () => random.pick(['@netgroup', '@', '/', '*', '.', '..', '?', '[]', '[', '0', '*.*', '/8', '[::]/0', '10.', '.com'])],
  );
}

/** A word of a client list or of a file of patterns. */
function makeClient(random: Random, world: World): string {
  const host = makeHost(random, world);
  const word = random.oneIn(7) ? `${makeText(random, random.pick(world.users))}@${random.oneIn(12) ? '' : host}` : host;
  return random.oneIn(9) ? spoil(random, word) : random.oneIn(9) ? swapCase(random, word) : word;
}

function makeDaemon(random: Random, world: World): string {
  const port = String(random.pick(world.ports));
  const name = random.choose(
    [8, () => makeText(random, random.pick(world.daemons))],
    [1, () => port],
    [1, () => random.pick([`0${port}`, `+${port}`, `-${port}`, `${port}x`, '4294967318', '65536', '4294967296', '-4294967274', '18446744073709551638', `\v${port}`])],
  );
  const word = random.oneIn(7) ? `${name}@${random.oneIn(12) ? '' : makeHost(random, world)}` : name;
  return random.oneIn(12) ? spoil(random, word) : random.oneIn(9) ? swapCase(random, word) : word;
}

// --- lines and files ---

function makeList(random: Random, makeWord: () => string): string {
  const words = random.list(random.oneIn(20) ? 0 : 1, random.oneIn(6) ? 8 : 3, makeWord);
  const separator = () => (random.oneIn(5) ? random.pick([' ', '\t', ', ', ' , ', ',,', '\r', '  ']) : random.pick([' ', ',']));
  let list = '';
  for (const word of words) {
    const except = random.oneIn(5) ? `${random.pick(['EXCEPT', 'except', 'EXCEPT EXCEPT'])}${separator()}` : '';
    list += except + word + separator();
  }
  if (random.oneIn(25)) list += 'EXCEPT';
  return random.oneIn(2) ? list.trimEnd() : list;
}

function makeRule(random: Random, world: World): string {
  const daemons = random.oneIn(3) ? 'ALL' : makeList(random, () => makeDaemon(random, world));
  const clients = random.oneIn(8) ? 'ALL' : makeList(random, () => makeClient(random, world));
  const colon = () => random.pick([':', ':', ': ', ' : ', ': ']);
  const rule = `${daemons}${colon()}${clients}`;
  return random.oneIn(3) ? `${rule}${colon()}${makeThirdField(random, world)}` : rule;
}

function makeLine(random: Random, world: World): string {
  const rule = makeRule(random, world);
  return random.choose(
    [30, () => rule],
    [2, () => spoil(random, rule)],
    [1, () => `#${rule}`],
    [1, () => ` ${rule}`],
    [1, () => random.pick(['', ' ', '\t', '#', '# comment', '#\\', '\\', ':', '::', 'no separator', '\v', '\ufeff'.slice(0, 0) + '\xef\xbb\xbf' + rule])],
    [1, () => {
      const at = random.below(rule.length + 1);
      return `${rule.slice(0, at)}\\${random.pick(['', '', '', ' ', '\r'])}\n${rule.slice(at)}`;
    }],
    [1, () => `${rule}\\`],
  );
}

function makeText0(random: Random, lines: readonly string[]): string {
  const newline = random.oneIn(12) ? '\r\n' : '\n';
  const text = lines.map((line) => line + newline).join('');
  const at = random.below(text.length + 1);
  return random.choose(
    [30, () => text],
    [2, () => text.replace(/\r?\n$/, '')],
    [1, () => `${text.slice(0, at)}\0${text.slice(at)}`],
    [1, () => `${text.slice(0, at)}${random.pick([' ', 'x', '#', ', '])}${' '.repeat(random.pick([2030, 2044, 2045, 2046, 2047, 3000]))}${text.slice(at)}`],
  );
}

/** A file of rules. */
export function makeRules(random: Random, world: World, most: number): TestFile {
  if (random.oneIn(60)) return random.pick(['directory', 'loop', 'absent'] as const);
  return { text: makeText0(random, random.list(0, most, () => makeLine(random, world))) };
}

function makePatterns(random: Random, world: World): TestFile {
  const words = random.list(0, 6, () => (random.oneIn(4) ? random.pick(world.lists) : makeClient(random, world)));
  const text = words.map((word) => word + random.pick(['\n', ' ', '\t', '\n\n', '\v', '\f', ',', '\r\n', '\0'])).join('');
  return { text: random.oneIn(150) ? `${text} ${'x'.repeat(random.pick([8190, 8191, 8192, 9000]))}` : text };
}

/** Both files, the files that they name, and requests. */
export function makeSet(random: Random, directory: string, requests: number): TestSet {
  const world = makeWorld(random, directory);
  const banner = random.pick(['hello %c\n', 'a\r\nb %n [x\n] %d%\n%', '\0\0%h\nx\0y\nz', '', '%u\n', '%q%%\n']);
  return {
    files: {
      'hosts.allow': makeRules(random, world, 4),
      'hosts.deny': makeRules(random, world, 4),
      one: makePatterns(random, world),
      two: makePatterns(random, world),
      three: makePatterns(random, world),
      gone: 'absent',
      directory: 'directory',
      loop: 'loop',
      banners: 'directory',
      ...Object.fromEntries(world.daemons.filter((name) => /^[\w.]+$/.test(name) && name.length < 100).map((name) => [`banners/${name}`, { text: banner }])),
    },
    requests: random.list(requests, requests, () => makeRequest(random, world)),
  };
}
