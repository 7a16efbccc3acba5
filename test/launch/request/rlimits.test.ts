import t from 'tap';

import { rlimitNumber, toLimit, type RlimitValue } from '../../../lib/launch/request/rlimits.ts';

t.test('limits have the numbers of asm-generic/resource.h', async (t) => {
  t.same(
    ['cpu', 'core', 'nproc', 'nofile', 'as', 'rttime'].map((name) => rlimitNumber(name)),
    [0, 4, 6, 7, 9, 15],
  );
});

t.test('an unknown name is an error that lists the known ones', async (t) => {
  for (const name of ['', 'toString', 'constructor', '__proto__', 'files'])
    t.throws(() => rlimitNumber(name), {
      message: /^rlimits must be limits of cpu, fsize/,
      hint: 'for example rlimits: {nofile: 4096}',
    });
  for (const name of ['NOFILE', 'nofiles', 'RLIMIT_NOFILE'])
    t.throws(() => rlimitNumber(name), { name: 'UsageError', hint: 'did you mean rlimits: {nofile: 4096}?' });
});

t.test('one number is both limits', async (t) => {
  t.same(toLimit('nofile', 4096), { soft: 4096, hard: 4096 });
  t.same(toLimit('core', Infinity), { soft: Infinity, hard: Infinity });
  t.same(toLimit('nofile', { soft: 5 }), { soft: 5, hard: 5 });
  t.same(toLimit('nofile', { soft: 0, hard: 5 }), { soft: 0, hard: 5 });
});

t.test('a soft limit above the hard one is an error', async (t) => {
  t.throws(() => toLimit('nofile', { soft: 6, hard: 5 }), {
    message: 'rlimits.nofile: the soft limit 6 exceeds the hard limit 5',
  });
  t.throws(() => toLimit('nofile', { soft: Infinity, hard: 5 }), { name: 'UsageError' });
});

t.test('what is no whole number is an error, and never another limit', async (t) => {
  for (const value of [-1, 0.5, NaN, 2 ** 53, '5', '4K', null, undefined, {}, [], true])
    t.throws(() => toLimit('nofile', value as RlimitValue), {
      name: 'UsageError',
      key: 'rlimits.nofile',
      expected: 'a whole number from 0 to 9007199254740991, or Infinity',
    });
});
