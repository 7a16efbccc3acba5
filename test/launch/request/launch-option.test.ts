// What the words of options of a launch become.
import t from 'tap';

import {
  addNames,
  addNumbers,
  addPassEnv,
  addRlimit,
  parseNumbers,
  setEnv,
  unsetEnv,
} from '../../../lib/launch/request/launch-option.ts';

const word = (text: string) => ({ text, bytes: Buffer.from(text) });
const bytes = (text: string) => ({ text, bytes: Buffer.from(text, 'latin1') });

t.test('numbers and ranges come one by one, and other words stay for the validator', async (t) => {
  t.same(parseNumbers('3,5-7'), [3, 5, 6, 7]);
  t.same(parseNumbers('4-4'), [4]);
  t.equal(parseNumbers('1-65536').length, 65_536);
  for (const part of ['5-3', '1-2-3', '1-65537', '', '3-', '-3', '-', 'x', '01'])
    t.same(parseNumbers(`3,${part}`), [3, part]);
  t.same(addNumbers(word('4,5'), [3]), [3, 4, 5]);
  t.same(addNumbers(word('4')), [4]);
});

t.test('a variable has a name, and any bytes as its value', async (t) => {
  const env = setEnv(word('A=b=c'));
  t.equal(Object.getPrototypeOf(env), null);
  t.same(env['A'], Buffer.from('b=c'));
  t.equal(setEnv(word('B='), env), env);
  t.same(Object.keys(env), ['A', 'B']);
  t.same(env['B'], Buffer.alloc(0));
  unsetEnv(word('A'), env);
  t.ok('A' in env);
  t.equal(env['A'], undefined);
  for (const text of ['', '=x', 'A'])
    t.throws(() => setEnv(word(text)), {
      name: 'UsageError',
      key: 'setenv',
      value: text,
      expected: 'NAME=VALUE',
    });
  t.throws(() => setEnv(bytes('\xff=x')), { name: 'UsageError', key: 'setenv', expected: /in UTF-8$/ });
  for (const text of ['A,B', 'A B'])
    t.throws(() => unsetEnv(word(text)), { name: 'UsageError', key: 'unsetenv', value: text });
});

t.test('lists are added to what was given before', async (t) => {
  t.same(addNames(word('b,c'), ['a']), ['a', 'b', 'c']);
  t.same(addPassEnv(word('B,C'), ['A']), ['A', 'B', 'C']);
  t.throws(() => addPassEnv(bytes('\xff')), { name: 'UsageError', key: 'pass-env', expected: /in UTF-8$/ });
});

t.test('a limit is soft, and hard if it says so', async (t) => {
  for (const [text, name, soft, hard] of [
    ['nofile=4:8', 'nofile', 4, 8],
    ['nofile=4096', 'nofile', 4096, 4096],
    ['core=unlimited', 'core', Infinity, Infinity],
    ['RLIMIT_NOFILE=1:infinity', 'nofile', 1, Infinity],
  ] as const)
    t.same(addRlimit(word(text), { stack: 1 }), { stack: 1, [name]: { soft, hard } });
  for (const text of [
    '',
    'nofile',
    'nofile=',
    '=5',
    'nofile:5',
    '5=5',
    'nofile=-1',
    'nofile=0x5',
    'nofile=5k',
    'nofile= 5',
    'nofile=1:2:3',
    'nofile=99999999999999999',
    'nofile=1,nproc=2',
  ])
    t.throws(() => addRlimit(word(text)), {
      name: 'UsageError',
      key: 'rlimit',
      value: text,
      expected: /^NAME=SOFT/,
    });
});
