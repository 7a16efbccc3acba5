import t from 'tap';

import { showSize, toSize, toWhole } from '../../../lib/launch/request/number-value.ts';

t.test('a size is a number, or one with a suffix', async (t) => {
  t.equal(toSize(5000, 'memory', 0), 5000);
  t.equal(toSize('64M', 'memory', 0), 64 * 2 ** 20);
  t.equal(toSize('2g', 'memory', 0), 2 ** 31);
  t.equal(toSize(undefined, 'memory', 0), undefined);
  t.equal(toSize(2 ** 53 - 1, 'memory', 0), 2 ** 53 - 1);
  for (const bytes of [0, 5, 1024, 1536, 2 ** 30]) t.equal(toSize(showSize(bytes), 'memory', 0), bytes);
});

t.test('anything else is refused, and the hint has what was probably meant', async (t) => {
  for (const wrong of ['', 'M', '-1', '1.5G', '0x10', 1.5, -1, NaN, Infinity, 2 ** 53, '9007199254740991K'])
    t.throws(() => toSize(wrong, 'memory', 0), { name: 'UsageError', message: /^memory must be a number/ });
  t.throws(() => toSize('64MB', 'memory', 0), { name: 'UsageError', hint: 'for example 64M' });
  t.throws(() => toSize('1.5g', 'memory', 0), { name: 'UsageError', hint: 'for example 1536M' });
  t.throws(() => toSize('2 gib', 'memory', 0), { name: 'UsageError', hint: 'for example 2G' });
  t.throws(() => toSize('some', 'memory', 0), { name: 'UsageError', hint: 'for example 64M' });
  t.throws(() => toSize('1K', 'memory', 4096), { name: 'UsageError', message: /from 4096 on/ });
});

t.test('a whole number has its limits, and a text is not one', async (t) => {
  t.equal(toWhole(3, 'pids', 1, 3), 3);
  t.equal(toWhole(1, 'pids', 1, 3), 1);
  for (const wrong of [0, 4, 1.5, NaN, null, {}])
    t.throws(() => toWhole(wrong as number, 'pids', 1, 3), {
      name: 'UsageError',
      message: /from 1 to 3, not/,
    });
  for (const wrong of ['3', '4', 4, Infinity])
    t.throws(() => toWhole(wrong, 'pids', 1, 3), { name: 'UsageError', hint: 'for example 3' });
  t.throws(() => toWhole('many', 'pids', 1, 3), { name: 'UsageError', hint: 'for example 1' });
});

t.test('a size is shown with the largest suffix that needs no fraction', async (t) => {
  const shown = [0, 1, 1023, 1024, 1536, 64 << 20, 1025 * 1024, 1024 ** 4, 1024 ** 5, 3 * 1024 ** 5];
  t.same(shown.map(showSize), ['0', '1', '1023', '1K', '1536', '64M', '1025K', '1T', '1024T', '3072T']);
});
