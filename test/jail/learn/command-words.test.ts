import { spawnSync } from 'node:child_process';

import * as fc from 'fast-check';
import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { splitWords } from '../../../lib/jail/learn/command-words.ts';
import '../../support/plain-spawn.ts';

const split = (command: string): string[] => splitWords(command).map(String);

t.test('words are split at blanks, and quotes keep them together', async (t) => {
  t.same(split('nginx -t'), ['nginx', '-t']);
  t.same(split('  a\t b  '), ['a', 'b']);
  t.same(split(`python3 -c 'import json, "x"' "a 'b' c"`), ['python3', '-c', 'import json, "x"', "a 'b' c"]);
  t.same(split(`a'b'"c"d`), ['abcd']);
  t.same(split(`'' "" x`), ['', '', 'x']);
  t.same(split('echo a#b a~b {} ! a=b'), ['echo', 'a#b', 'a~b', '{}', '!', 'a=b']);
  t.same(split('./a=b c=d'), ['./a=b', 'c=d']);
  t.same(split('ls à'), ['ls', 'à']);
});

t.test('a command that needs a shell is refused, with a hint', async (t) => {
  for (const character of [
    '$',
    '`',
    '|',
    ';',
    '&',
    '<',
    '>',
    '*',
    '?',
    '[',
    '(',
    ')',
    '\n',
    '~',
    '#',
    '\\',
  ]) {
    t.throws(() => split(`echo ${character}x`), { name: 'UsageError', hint: /sh -c/ }, character);
    t.same(split(`echo '${character}x'`)[1], `${character}x`);
  }
  for (const text of ['LANG=C date', 'ls "$x"', "'a", '"a', 'a\0b'])
    t.throws(() => split(text), { name: 'UsageError', hint: /sh -c/ }, text);
  for (const text of ['', '  ']) t.throws(() => split(text), { message: /is empty/ });
});

const byte = fc.integer({ min: 1, max: 255 });
const word = fc.array(byte, { maxLength: 8 }).map((bytes) => Buffer.from(bytes));

t.test('words that were quoted are the same again', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (words) => {
        const quoted = words.map((one) => `'${one.toString('latin1').replaceAll("'", `'"'"'`)}'`).join(' ');
        const again = splitWords(Buffer.from(quoted, 'latin1'));
        return Buffer.concat(again).equals(Buffer.concat(words)) && again.length === words.length;
      }),
    ),
  );
});

t.test('an accepted command is split as sh splits it', async (t) => {
  const piece = fc.constantFrom(
    ' ',
    '\t',
    "'",
    '"',
    '\\',
    'a',
    'b',
    '\\ ',
    '\n',
    '$',
    '#',
    '~',
    '=',
    '{',
    '!',
    '\xff',
  );
  const accepted: string[] = [];
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = `x ${pieces.join('')}`;
      try {
        splitWords(Buffer.from(text, 'latin1'));
        accepted.push(text);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
  t.ok(accepted.length > 100);
  // all in one shell: each command prints its words, and an empty line's worth of NUL after them
  const script = accepted.map((text) => `printf '%s\\0' ${text}\nprintf '\\0\\n\\0'\n`).join('');
  const { stdout } = spawnSync('sh', { input: Buffer.from(script, 'latin1') });
  const mine = accepted.map((text) => {
    const words = splitWords(Buffer.from(text, 'latin1')).map((one) => `${one.toString('latin1')}\0`);
    return `${words.join('')}\0\n\0`;
  });
  t.equal(stdout.toString('latin1'), mine.join(''));
});
