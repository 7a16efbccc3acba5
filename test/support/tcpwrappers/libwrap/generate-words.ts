// Words of daemon and client lists: what a request holds, a part of it, or something nearly like it.
import type { Random } from '../../tcpwrappers-random.ts';
import { split, type World } from './world.ts';

const EXTRA = [...split('. : / * ? @ [ ] % - + 0 1 8 9 a f x # = \\ ; , ! ~ \x80 \v \f'), ' ', '\t', '\r'];

/** One character changed, taken away or added. */
export function spoil(random: Random, word: string): string {
  const at = random.below(word.length + 1);
  const extra = random.pick(EXTRA);
  return random.choose(
    [1, () => word.slice(0, at) + extra + word.slice(at)],
    [1, () => word.slice(0, at) + word.slice(at + 1)],
    [1, () => word.slice(0, at) + extra + word.slice(at + 1)],
  );
}

function swapCase(random: Random, word: string): string {
  return word.replace(/[a-zA-Z]/g, (letter) =>
    random.oneIn(2) ? letter.toUpperCase() : letter.toLowerCase(),
  );
}

function change(random: Random, word: string, oneIn: number): string {
  if (random.oneIn(oneIn)) return spoil(random, word);
  return random.oneIn(9) ? swapCase(random, word) : word;
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

/** libwrap takes 25 times as long for each star more: with 140 characters, seconds for six stars, hours for nine. */
const MOST_STARS = 4;

function blur(random: Random, value: string, most = 3): string {
  const from = random.below(value.length + 1);
  const to = from + random.below(Math.max(1, value.length + 1 - from));
  const wild = random.pick(split('* * * ? ** ?* *? *** ??'));
  const blurred = value.slice(0, from) + wild + value.slice(to);
  if (blurred.split('*').length - 1 > MOST_STARS) return value;
  return most > 1 && random.oneIn(3) ? blur(random, blurred, most - 1) : blurred;
}

// A word about a text.
function makeText(random: Random, value: string): string {
  return random.choose(
    [6, () => value],
    [3, () => cut(random, value)],
    [3, () => blur(random, value)],
    [2, () => 'ALL'],
    [2, () => random.pick(split('KNOWN KNOWN UNKNOWN LOCAL LOCAL PARANOID known All'))],
  );
}

const MASKS = [
  ...split('8 16 24 32 31 30 12 1 0 33 08 +8 -8 8x 0x8 x 8/8 4294967304 99999999999999999999 \v8 255.0.0.0'),
  ...split(
    '255.255.255.0 255.255.255.255 0.0.0.0 255.255 255.0.255.0 0.0.0.255 0xff.0.0.0 0377.0.0.0 192.0.0.0',
  ),
  '',
];
const LENGTHS = [
  ...split(
    '0 1 16 32 48 63 64 65 112 127 128 129 -1 x 0x40 /64 064 +64 64x 4294967296 4294967360 00 -0 \v64',
  ),
  '',
];

function makeNet4(random: Random, address: string): string {
  const quad = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)?.slice(1) ?? ['10', '0', '0', '1'];
  const kept = random.below(5);
  const spelled = (part: string) =>
    random.pick([part, `0${Number(part).toString(8)}`, `0x${Number(part).toString(16)}`]);
  const parts = quad.map((part, i) => (i < kept ? part : '0'));
  const net = (random.oneIn(6) ? parts.map(spelled) : parts).join('.');
  const mask = random.oneIn(2) && kept > 0 ? String(8 * kept) : random.pick(MASKS);
  return random.choose(
    [10, () => `${net}/${mask}`],
    [1, () => `${cut(random, net)}/${mask}`],
    [1, () => random.pick(['0.0.0.0/0', '0.0.0.0/0.0.0.0'])],
  );
}

function makeNet6(random: Random, address: string): string {
  const inside = random.choose(
    [4, () => (address.includes(':') ? address : '2001:db8::1')],
    [
      1,
      () => random.pick(split(':: 2001:db8:: fe80:: ::1 dead:: ::ffff:0:0 10.0.0.1 x 2001:DB8:0::0.0.0.1')),
    ],
    [
      1,
      () =>
        random.pick(split('fe80::1 2001:db8::1 ff01::1 fec0::1')) +
        random.pick(split('%lo %nosuch %1 %99 % %1x')),
    ],
  );
  const length = random.pick(LENGTHS);
  return random.choose(
    [2, () => `[${inside}]`],
    [3, () => `[${inside}]/${length}`],
    [1, () => `[${inside}/${length}]`],
    [1, () => `${inside}/${length}`],
    [1, () => `[${inside}${random.pick(['', ']]', ']x'])}`],
  );
}

const ODD_HOSTS = split('@netgroup @ / * . .. ? [] [ 0 *.* /8 [::]/0 10. .com **');

// A word about an endpoint.
function makeHost(random: Random, world: World): string {
  const { address, name } = random.pick(world.hosts);
  return random.choose(
    [4, () => makeText(random, address)],
    [4, () => makeText(random, name)],
    [3, () => makeNet4(random, address.replace(/^::ffff:/i, ''))],
    [3, () => makeNet6(random, address)],
    [1, () => random.pick(world.lists)],
    [1, () => random.pick(ODD_HOSTS)],
  );
}

function withHost(random: Random, world: World, word: string): string {
  return `${word}@${random.oneIn(12) ? '' : makeHost(random, world)}`;
}

/** A word of a client list or of a file of patterns. */
export function makeClient(random: Random, world: World): string {
  const word = random.oneIn(7)
    ? withHost(random, world, makeText(random, random.pick(world.users)))
    : makeHost(random, world);
  return change(random, word, 9);
}

const ODD_PORTS = split('4294967318 65536 4294967296 -4294967274 18446744073709551638 022x -0');

/** A word of a daemon list. */
export function makeDaemon(random: Random, world: World): string {
  const port = String(random.pick(world.ports));
  const name = random.choose(
    [8, () => makeText(random, random.pick(world.daemons))],
    [1, () => port],
    [1, () => random.pick([`0${port}`, `+${port}`, `-${port}`, `${port}x`, `\v${port}`, ...ODD_PORTS])],
  );
  return change(random, random.oneIn(7) ? withHost(random, world, name) : name, 12);
}
