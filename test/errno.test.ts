import t from 'tap';

import { errnoName, reason } from '../lib/errno.ts';

t.test('an errno has its name and its words', async (t) => {
  t.equal(errnoName(2), 'ENOENT');
  t.equal(reason(2), 'no such file or directory');
  t.equal(errnoName(1), 'EPERM');
});

t.test('those that Node does not name have a name too', async (t) => {
  t.equal(errnoName(8), 'ENOEXEC');
  t.equal(errnoName(52), 'EBADE');
  t.equal(errnoName(126), 'ENOKEY');
});

t.test('an unknown errno is shown as a number', async (t) => {
  t.equal(errnoName(9999), 'E9999');
  t.equal(reason(9999), 'error 9999');
});
