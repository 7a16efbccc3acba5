import * as fc from 'fast-check';
import t from 'tap';

import { type Keys, toKeys } from '../../../lib/jail/dpkg/scan-names.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
type How = Parameters<Keys['find']>[0];
const find = (how: How, text: string, ...names: string[]) => toKeys(names).find(how, bytes(text));

t.test('a word is a whole name, with the end of a sentence behind it or not', async (t) => {
  for (const text of ['ld', 'exec /usr/bin/ld -r', '`ld`', 'use ld.', '(ld)', 'a\nld\n'])
    t.same(find('words', text, 'ld', 'as'), ['ld'], text);
  for (const text of ['-fuse-ld', 'ld.so', 'old', 'ld_library', 'xld', ''])
    t.same(find('words', text, 'ld', 'as'), [], text);
});

t.test('in a program it counts only where a command would stand', async (t) => {
  for (const text of [
    '\0ip\0',
    '/sbin/ip\0',
    '\0ip link show\0',
    '\n ip %(x)',
    '"ip"',
    '\0a |\n ip -x\0',
    'real-ip\0',
  ])
    t.same(find('commands', text, 'ip'), ['ip'], JSON.stringify(text));
  for (const text of ['\0get ip hash\0', 'zip\0', '\x01ip\x02', '-fuse-ip=\0', '\0ip_hash\0'])
    t.same(find('commands', text, 'ip'), [], JSON.stringify(text));
});

t.test('a path counts by itself or as the beginning of another', async (t) => {
  for (const text of ['/usr/lib/x', '\0/usr/lib/x/cc1\0', 'in /usr/lib/x.', '=/usr/lib/x:'])
    t.same(find('paths', text, '/usr/lib/x'), ['/usr/lib/x'], text);
  for (const text of ['/usr/lib/xy', '/opt/usr/lib/x', '..usr/lib/x', '/usr/lib/'])
    t.same(find('paths', text, '/usr/lib/x'), [], text);
});

t.test('a string ends with a name, and with the longest of several, before a NUL only', async (t) => {
  t.same(find('ends', 'lbzip2\0x pager\0', 'pager', 'bzip2', 'less'), ['bzip2', 'pager'], 'in their order');
  for (const text of ['bzip2', 'bzip2 \0', 'bzip\x002\0', '']) t.same(find('ends', text, 'bzip2'), [], text);
  t.same(find('ends', 'uncompress\0', 'compress', 'uncompress'), ['uncompress']);
  t.same(find('ends', 'uncompress\0compress\0', 'compress', 'uncompress'), ['uncompress', 'compress']);
});

t.test('the ends of strings are those that a regular expression finds', async (t) => {
  const name = fc.string({ unit: fc.constantFrom(...Array.from('ab-')), minLength: 2, maxLength: 4 });
  const text = fc.string({ unit: fc.constantFrom(...Array.from('ab- \0')), maxLength: 30 });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 5 }), text, (names, text) => {
        const expected = new Set(text.match(new RegExp(`(?:${names.join('|')})(?=\\0)`, 'g')));
        const found = find('ends', text, ...names);
        return JSON.stringify(found) === JSON.stringify([...expected]);
      }),
    ),
  );
});

t.test('one pass finds what a search for each name finds', async (t) => {
  const name = fc.string({ unit: fc.constantFrom(...Array.from('ab-.')), minLength: 1, maxLength: 3 });
  const text = fc.string({ unit: fc.constantFrom(...Array.from('ab-./ \0')), maxLength: 30 });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), text, (names, text) =>
        names.every((name) => {
          const all = find('words', text, ...names).includes(name);
          return all === find('words', text, name).includes(name);
        }),
      ),
    ),
  );
});

// The rules as regular expressions.
const WORD = /(?:[\w+-]|\.(?=[\w+.-]))+/g;
const AFTER = /^(?:$|[\0\n \t"'`)};|&<>])/;
const BEFORE = /(?:^|[\0\n/"'`({;|&:,])$|(?:^|[\0\n{;|&])(?:exec)?[ \t]+$/;

function wordsOf(text: string): readonly string[] {
  return text.match(WORD) ?? [];
}

function commandsOf(text: string): readonly string[] {
  return Array.from(text.matchAll(WORD), (match) => {
    const [word, start, after] = [match[0], match.index, text.slice(match.index + match[0].length)];
    const tails = Array.from(word, (_, at) => word.slice(at)).filter(
      (tail, at) => tail.length > 1 && (at === 0 || '-_.'.includes(word.charAt(at - 1))),
    );
    const isCommand = AFTER.test(after) && BEFORE.test(text.slice(0, start));
    return [...(isCommand ? [word] : []), ...(word.length > 2 && after.startsWith('\0') ? tails : [])];
  }).flat();
}

function pathsOf(text: string): readonly string[] {
  const paths = text.match(/(?<![\w+./-])\/[\w+./-]*/g) ?? [];
  return paths.flatMap((path) => {
    const parents = Array.from(path.slice(1).matchAll(/\//g), ({ index }) => path.slice(0, index + 1));
    return parents.concat(path, path.replace(/\.$/, ''));
  });
}

t.test('the search follows its rules', async (t) => {
  const words = [
    'a',
    'ab',
    'exec',
    'b-a',
    '.',
    '/',
    '-',
    '_',
    ' ',
    '\t',
    '\0',
    '\n',
    '|',
    '\xff',
    '"',
    ':',
    ',',
  ];
  const name = fc.string({
    unit: fc.constantFrom('a', 'b', '-', '.', '/', 'exec'),
    minLength: 1,
    maxLength: 4,
  });
  const text = fc.string({ unit: fc.constantFrom(...words), maxLength: 12 });
  for (const [how, model] of [
    ['words', wordsOf],
    ['commands', commandsOf],
    ['paths', pathsOf],
  ] as const)
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(fc.array(name, { maxLength: 4 }), text, (names, text) => {
          const expected = [...new Set(model(text))].filter((one) => names.includes(one));
          return find(how, text, ...names).join(' ') === expected.join(' ');
        }),
        { numRuns: 500 },
      ),
    );
});
