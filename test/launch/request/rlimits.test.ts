import t from 'tap';

import { parseRlimit } from '../../../lib/launch/request/launch-option.ts';
import { knownRlimit, rlimitNumber, toLimit, type RlimitValue } from '../../../lib/launch/request/rlimits.ts';

t.test('limits have the numbers of asm-generic/resource.h', async (t) => {
  t.same(['cpu', 'core', 'nproc', 'nofile', 'as', 'rttime'].map(rlimitNumber), [0, 4, 6, 7, 9, 15]);
});

t.test('an unknown name is an error that lists the known ones', async (t) => {
  for (const name of ['', 'toString', 'constructor', '__proto__']) {
    t.throws(() => rlimitNumber(name), { name: 'UsageError', hint: /^the limits are cpu, fsize/ });
  }
  for (const name of ['files', 'NOFILE', 'nofiles'])
    t.throws(() => rlimitNumber(name), { name: 'UsageError', hint: 'did you mean nofile?' });
});

t.test('names of other programs stand for these', async (t) => {
  t.same(['files', 'processes', 'cputime', 'nofile', 'constructor'].map(knownRlimit), [
    'nofile',
    'nproc',
    'cpu',
    'nofile',
    'constructor',
  ]);
});

t.test('one number is both limits', async (t) => {
  t.same(toLimit('nofile', 4096), { soft: 4096, hard: 4096 });
  t.same(toLimit('core', Infinity), { soft: Infinity, hard: Infinity });
  t.same(toLimit('nofile', { soft: 5 }), { soft: 5, hard: 5 });
  t.same(toLimit('nofile', { soft: 0, hard: 5 }), { soft: 0, hard: 5 });
});

t.test('a soft limit above the hard one is an error', async (t) => {
  t.throws(() => toLimit('nofile', { soft: 6, hard: 5 }), {
    message: /soft limit 6 exceeds the hard limit 5/,
  });
  t.throws(() => toLimit('nofile', { soft: Infinity, hard: 5 }), { name: 'UsageError' });
});

t.test('what is no whole number is an error, and never another limit', async (t) => {
  for (const value of [-1, 0.5, NaN, 2 ** 53, '5', null, undefined, {}, [], true]) {
    t.throws(() => toLimit('nofile', value as RlimitValue), { name: 'UsageError' });
  }
});

t.test('a value that is no number is met with the one that was meant, if it can be a limit', async (t) => {
  for (const [value, meant] of [
    ['1', 1],
    ['4096', 4096],
    ['4K', 4096],
    [-1, 1024],
    [2 ** 53, 1024],
    ['many', 1024],
    [null, 1024],
  ] as const)
    t.throws(() => toLimit('nofile', value as RlimitValue), {
      message: 'the resource limit nofile must be a whole number from 0 to 9007199254740991, or Infinity',
      hint: `write rlimits: {nofile: ${meant}}`,
    });
});

t.test('NAME=SOFT[:HARD] is read as written', async (t) => {
  t.same(parseRlimit('nofile=4096'), ['nofile', { soft: 4096, hard: 4096 }]);
  t.same(parseRlimit('nofile=1:2'), ['nofile', { soft: 1, hard: 2 }]);
  t.same(parseRlimit('RLIMIT_NOFILE=1:unlimited'), ['nofile', { soft: 1, hard: Infinity }]);
  t.same(parseRlimit('core=infinity'), ['core', { soft: Infinity, hard: Infinity }]);
});

t.test('anything else is an error that shows how it is written', async (t) => {
  for (const text of ['', 'nofile', 'nofile=', '=5', 'nofile:5', '5=5']) {
    t.throws(() => parseRlimit(text), { message: /NAME=SOFT\[:HARD\]/ }, text);
  }
  for (const text of [
    'nofile=-1',
    'nofile=0x5',
    'nofile=5k',
    'nofile= 5',
    'nofile=1:2:3',
    'nofile=99999999999999999',
  ]) {
    t.throws(() => parseRlimit(text), { message: /is no limit/ }, text);
  }
  t.throws(() => parseRlimit('nofile=2:1'), { message: /exceeds/ });
  t.throws(() => parseRlimit('files=2'), { message: /no resource limit 'files'/ });
});
