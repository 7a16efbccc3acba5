// Rule files, the files that they name, and requests: malformed as often as not, and all of one world.
import type { TestFile, TestSet } from '../../tcpwrappers-oracle.ts';
import type { Random } from '../../tcpwrappers-random.ts';
import { makeThirdField } from './generate-options.ts';
import { makeClient, makeDaemon, spoil } from './generate-words.ts';
import { makeRequest, makeWorld, type World } from './world.ts';

function makeList(random: Random, makeWord: () => string): string {
  const words = random.list(random.oneIn(20) ? 0 : 1, random.oneIn(6) ? 8 : 3, makeWord);
  const separator = () =>
    random.pick(random.oneIn(5) ? [' ', '\t', ', ', ' , ', ',,', '\r', '  '] : [' ', ',']);
  let list = '';
  for (const word of words) {
    if (random.oneIn(4)) list += random.pick(['EXCEPT', 'EXCEPT', 'except', 'EXCEPT EXCEPT']) + separator();
    list += word + separator();
  }
  if (random.oneIn(25)) list += 'EXCEPT';
  return random.oneIn(2) ? list.trimEnd() : list;
}

function makeRule(random: Random, world: World): string {
  // options are seen only where a rule matches
  const hasOptions = random.oneIn(3);
  const oneIn = hasOptions ? 2 : 8;
  const daemons =
    random.below(5) < (hasOptions ? 4 : 2) ? 'ALL' : makeList(random, () => makeDaemon(random, world));
  const clients = random.oneIn(oneIn) ? 'ALL' : makeList(random, () => makeClient(random, world));
  const colon = () => random.pick([':', ':', ': ', ' : ', ': ']);
  const rule = daemons + colon() + clients;
  return hasOptions ? rule + colon() + makeThirdField(random, world) : rule;
}

function join(random: Random, rule: string): string {
  const at = random.below(rule.length + 1);
  return `${rule.slice(0, at)}\\${random.pick(['', '', '', ' ', '\r'])}\n${rule.slice(at)}`;
}

const ODD_LINES = ['', ' ', '\t', '#', '# comment', '#\\', '\\', ':', '::', 'no separator', '\v', ' # a: b'];

function makeLine(random: Random, world: World): string {
  const rule = makeRule(random, world);
  return random.choose(
    [30, () => rule],
    [2, () => spoil(random, rule)],
    [2, () => join(random, rule)],
    [1, () => `#${rule}`],
    [1, () => ` ${rule}`],
    [1, () => ` # ${rule}`],
    [1, () => `${rule}\\`],
    [1, () => `${rule} # comment`],
    [1, () => random.pick([...ODD_LINES, `\xef\xbb\xbf${rule}`])],
  );
}

function insert(random: Random, text: string, what: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + what + text.slice(at);
}

/** The lines of a file of rules, as bytes. */
function makeText(random: Random, lines: readonly string[]): string {
  const newline = random.oneIn(12) ? '\r\n' : '\n';
  const text = lines.map((line) => line + newline).join('');
  const blanks = ' '.repeat(random.pick([2030, 2044, 2045, 2046, 2047, 3000]));
  return random.choose(
    [30, () => text],
    [2, () => text.replace(/\r?\n$/, '')],
    [1, () => insert(random, text, '\0')],
    [1, () => insert(random, text, random.pick([' ', 'x', '#', ', ']) + blanks)],
    // as long as a line may be, or one more
    [1, () => text.replace(/[^\n]*(?=\n)/, (line) => line.padEnd(random.pick([2045, 2046, 2047])))],
  );
}

/** A file of rules. */
export function makeRules(random: Random, world: World, most: number): TestFile {
  if (random.oneIn(60)) return random.pick(['directory', 'loop', 'absent'] as const);
  return {
    text: makeText(
      random,
      random.list(0, most, () => makeLine(random, world)),
    ),
  };
}

const BLANKS = ['\n', ' ', '\t', '\n\n', '\v', '\f', ',', ',', '\r\n', '\0'];

function makePatterns(random: Random, world: World): TestFile {
  const words = random.list(0, 6, () =>
    random.oneIn(4) ? random.pick(world.lists) : makeClient(random, world),
  );
  const text = words.map((word) => word + random.pick(BLANKS)).join('');
  // not of 8192: whether libwrap survives its one byte too many is a matter of luck
  const long = 'x'.repeat(random.pick([8190, 8191, 9000]));
  return { text: random.oneIn(150) ? `${text} ${long}` : text };
}

const BANNERS = ['hello %c\n', 'a\r\nb %n [x\n] %d%\n%', '\0\0%h\nx\0y\nz', '', '%u\n', '%q%%\n'];

function makeBanners(random: Random, world: World): Record<string, TestFile> {
  const text = random.pick(BANNERS);
  const names = world.daemons.filter((name) => /^[\w.]+$/.test(name) && name.length < 100);
  return Object.fromEntries(names.map((name) => [`banners/${name}`, { text }]));
}

// Only those that a word names: to write a file takes time. The others are not there.
function keepNamed(files: Record<string, TestFile>): Record<string, TestFile> {
  const text = Object.values(files)
    .map((file) => (typeof file === 'object' ? file.text : ''))
    .join('\n')
    .toLowerCase();
  const isKept = (name: string) =>
    /^(?:hosts\.|banners$)/.test(name) || text.includes(`/${name.split('/', 1)[0]}`);
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, isKept(name) ? file : 'absent']),
  );
}

/** Both files, the files that they name, and requests. */
export function makeSet(random: Random, directory: string, requests: number): TestSet {
  const world = makeWorld(random, directory);
  const most = random.oneIn(8) ? 30 : 4;
  return {
    files: keepNamed({
      'hosts.allow': makeRules(random, world, most),
      'hosts.deny': makeRules(random, world, most),
      one: makePatterns(random, world),
      two: makePatterns(random, world),
      three: makePatterns(random, world),
      directory: 'directory',
      loop: 'loop',
      banners: 'directory',
      ...makeBanners(random, world),
    }),
    requests: random.list(requests, requests, () => makeRequest(random, world)),
  };
}
