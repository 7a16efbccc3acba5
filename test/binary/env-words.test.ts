import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

import * as fc from 'fast-check';
import t from 'tap';

import { bytePath } from '../../lib/tree/path.ts';
import { splitWords } from '../../lib/binary/env-words.ts';

const split = (text: string, values: Readonly<Record<string, string>> = {}) => {
  const words = splitWords(bytePath(text), (name) =>
    values[name] === undefined ? undefined : bytePath(values[name]),
  );
  return 'message' in words ? words.message : words.map((word) => word.text);
};

t.test('blanks part words and quotes keep them together', async (t) => {
  t.same(split(' perl\t-w  -T '), ['perl', '-w', '-T']);
  t.same(split(`a "b c" 'd e' f"g h"i`), ['a', 'b c', 'd e', 'fg hi']);
  t.same(split(`"" ''`), ['', '']);
  t.same(split(`"it's" '"'`), ["it's", '"']);
  t.same(split(''), []);
});

t.test('escapes stand for characters, or part or end words', async (t) => {
  t.same(split(String.raw`a\tb \n\\\"\#\$`), ['a\tb', '\n\\"#$']);
  t.same(split(String.raw`a\_b "c\_d" '\_\''`), ['a', 'b', 'c d', "\\_'"]);
  t.same(split(String.raw`a b\c c d`), ['a', 'b']);
  t.same(split(String.raw`'a\c\\'`), ['a\\c\\']);
});

t.test('a # begins a comment only where a word could begin', async (t) => {
  t.same(split('a b#c #d "'), ['a', 'b#c']);
  t.same(split('"#a" b'), ['#a', 'b']);
});

t.test('variables are replaced once, and not split', async (t) => {
  t.same(split('${A} x${A}y', { A: 'a  ${A}' }), ['a  ${A}', 'xa  ${A}y']);
  t.same(split(`'\${A}'`, { A: 'a' }), ['${A}']);
});

t.test('a variable whose value is not known marks its word', async (t) => {
  const words = splitWords(bytePath('a b${NOPE}c ${NOPE}'), () => undefined);
  t.same(words, [{ text: 'a' }, { text: 'bc', variable: 'NOPE' }, { text: '', variable: 'NOPE' }]);
});

t.test('what env refuses is refused', async (t) => {
  t.match(split(String.raw`a\q`), /\\\\q in its -S string means nothing/);
  t.match(split('a\\'), /means nothing/);
  t.match(split(String.raw`"\c"`), /means nothing/);
  for (const text of ['$A', '${', '${1}', '${A-b}', '"$"']) t.match(split(text), /a \$/, text);
  for (const text of ['"', "a'b", `'"`]) t.match(split(text), /no end/, text);
});

t.test('a no-break space is no blank, as in the C locale', async (t) => {
  const words = splitWords(bytePath(Buffer.from([0x61, 0xa0, 0x62, 0x20, 0xa0])), () => undefined);
  t.same(words, [{ text: 'a\xa0b' }, { text: '\xa0' }]);
});

t.test('a string that grows without end is refused', async (t) => {
  const most = 'a'.repeat(131_072);
  t.same(split(most), [most]);
  t.match(split(`${most}a`), /becomes too long/);
  const value = 'x'.repeat(50_000);
  t.match(split('${A}${A}${A}', { A: value }), /too long/);
});

const version = spawnSync('env', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const skip = !version.includes('GNU coreutils') && "env is not GNU's";
const PRINT = `/bin/sh -c 'for word in "$@"; do printf "%s\\0" "$word"; done' sh `;

t.test('any string is split as GNU env splits it', { skip }, async (t) => {
  const piece = fc.constantFrom(...` '"\\#$ \t\n_cfnqab={}`.split(''), '${A}', '\\_', '\\c', "\\'", '\xa0');
  let refused = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = pieces.join('');
      // all variables are set: a word of one that is not may be there or not
      const named = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, '']);
      const values: Readonly<Record<string, string>> = { ...Object.fromEntries(named), A: 'x y"' };
      const { status, stdout } = spawnSync('/usr/bin/env', ['-S', PRINT + text], { env: values });
      const words = split(text, values);
      if (status === 125) refused++;
      if (status === 125) return assert.equal(typeof words, 'string', `env refuses ${JSON.stringify(text)}`);
      assert.deepEqual(words, stdout.toString('latin1').split('\0').slice(0, -1), JSON.stringify(text));
    }),
    { numRuns: 600 },
  );
  t.ok(refused > 20 && refused < 580, `${refused} of 600 are refused`);
});
