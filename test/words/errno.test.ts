import t from 'tap';

import { errnoName, reason } from '../../lib/words/errno.ts';

t.test('an errno has its name and its words', async (t) => {
  t.equal(errnoName(2), 'ENOENT');
  t.equal(reason(2), 'no such file or directory');
  t.equal(errnoName(1), 'EPERM');
});

t.test('those that Node does not name have a name too', async (t) => {
  // asm-generic/errno-base.h and asm-generic/errno.h
  t.same([8, 12, 52, 80, 87, 122, 126].map(errnoName), [
    'ENOEXEC',
    'ENOMEM',
    'EBADE',
    'ELIBBAD',
    'EUSERS',
    'EDQUOT',
    'ENOKEY',
  ]);
});

t.test('an unknown errno is shown as a number', async (t) => {
  t.equal(errnoName(9999), 'E9999');
  t.equal(reason(9999), 'error 9999');
});
