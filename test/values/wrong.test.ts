// Errors about keys, in the words of an interface.
import { inspect } from 'node:util';

import t from 'tap';

import { UsageError, type Naming } from '../../lib/errors.ts';
import { atOnce, inWords, needs, withoutKeys, wrong } from '../../lib/values/wrong.ts';

const loud: Naming = {
  name: (key) => key.toUpperCase(),
  assign: (key, value) => `${key.toUpperCase()}=${String(value)}`,
};

t.test('an error has its key, its value and what that must be, for any interface', async (t) => {
  const error = wrong({ key: 'nice', value: 20, expected: 'a whole number from 0 to 19', example: 5 });
  t.match(error, { key: 'nice', value: 20, expected: 'a whole number from 0 to 19' });
  t.match(error, {
    message: 'nice must be a whole number from 0 to 19, not 20',
    hint: 'for example nice: 5',
  });
  const told = inWords(error, loud);
  t.match(told, {
    message: 'NICE must be a whole number from 0 to 19, not 20',
    hint: 'for example NICE=5',
    cause: error,
  });
  t.ok(told instanceof UsageError);
});

t.test('two keys that exclude each other, and one that needs another', async (t) => {
  t.match(atOnce('a', 'b'), {
    key: 'a',
    message: 'a and b are given at once: choose one',
    hint: 'leave a or b out',
  });
  t.match(inWords(atOnce('a', 'b', 'why'), loud), {
    message: 'A and B are given at once: why',
    hint: 'leave A or B out',
  });
  t.match(needs('swap', 'memory', '64M'), { message: 'swap needs memory', hint: "give memory: '64M' too" });
  t.match(inWords(needs('swap', 'memory', '64M', 'why'), loud), {
    message: 'SWAP needs MEMORY: why',
    hint: 'give MEMORY=64M too',
  });
});

t.test('an error about no key is the same for all', async (t) => {
  const error = new UsageError('no such program', { hint: 'name one' });
  t.equal(inWords(error, loud), error);
  t.notOk('key' in error || 'value' in error || 'expected' in error);
});

t.test('a value is shown by its kind where its content could be long', async (t) => {
  for (const [value, shown] of [
    ['a\n', String.raw`'a\n'`],
    ['', "''"],
    [Buffer.from('b\xff', 'latin1'), String.raw`'b\xff'`],
    [null, 'null'],
    [5n, '5'],
    [[1], 'an Array'],
    [{}, 'an Object'],
    [new Map(), 'a Map'],
    [Promise.resolve(), 'a Promise'],
    [() => 5, 'a function'],
  ] as const)
    t.equal(wrong({ key: 'a', value, expected: 'b' }).message, `a must be b, not ${shown}`);
});

t.test('an example is written as JavaScript, and an option of a command as its word', async (t) => {
  for (const [key, example, hint] of [
    ['a', 'x', "a: 'x'"],
    ['a', ['x', 5], "a: ['x', 5]"],
    ['a', { b: true }, 'a: {b: true}'],
    ['view[0].size', 5, 'size: 5'],
    ['args[1]', 'x', "args: ['x']"],
    ['--format', 'text', '--format text'],
    ['--plan', true, '--plan'],
  ] as const)
    t.equal(wrong({ key, value: null, expected: 'b', example }).hint, `for example ${hint}`);
});

t.test('an error that is printed shows no function', async (t) => {
  t.notMatch(inspect(wrong({ key: 'a', value: 5, expected: 'b' })), /inWords|Function/);
});

t.test(
  'a command tells a hint without keys of the library, and leaves names of files as they are',
  async (t) => {
    for (const [hint, told] of [
      ['give --untrusted (untrusted) or --isolate (isolate)', 'give --untrusted or --isolate'],
      ['or without root: --rootless (rootless: true)', 'or without root: --rootless'],
      ['leave --idle (idleMs) out; --allow-root (allowRoot)', 'leave --idle out; --allow-root'],
      ["mount '/srv/www--old (copy)'"],
      ["rm '/srv/a --tmp (new)' '--tmp (tmp)'"],
    ] as const)
      t.equal(withoutKeys(hint), told ?? hint);
  },
);
