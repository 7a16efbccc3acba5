// Values about the program and its environment that have more to them than a range.
import t from 'tap';

import { normalize, toPrincipal } from '../../../lib/launch/request/request.ts';
import * as to from '../../../lib/launch/request/value.ts';

const read = (keys: Readonly<Record<string, unknown>>) =>
  normalize({ user: 'sam', jail: '/srv/jail', ...keys });

t.test('groups are at most as many as setgroups takes, and are given or cleared', async (t) => {
  const groups = Array<number>(65_536).fill(5);
  t.equal(read({ groups }).groups?.length, 65_536);
  t.throws(() => read({ groups: [...groups, 5] }), { message: /at most 65536/ });
  t.same(read({ clearGroups: true }).groups, []);
  t.equal(read({ clearGroups: false }).groups, undefined);
  t.throws(() => read({ groups: [], clearGroups: true }), { message: /given at once/ });
});

t.test('a umask is octal: text, or a number that no 0o was lost from', async (t) => {
  for (const [given, mode] of [
    [0, 0],
    [0o777, 0o777],
    [0o22, 0o22],
    ['0027', 0o27],
    ['22', 0o22],
    ['0o027', 0o27],
    ['026', 22],
    ['033', 27],
    ['0115', 77],
  ] as const)
    t.equal(to.toUmask(given, 'umask'), mode);
  for (const wrong of [22, 27, 77, 777, 1000, -1, 1.5, '1777', '028', 'u=rwx', ''])
    t.throws(() => to.toUmask(wrong, 'umask'), {
      message: /^umask must be an octal mode/,
      hint: "for example umask: '022'",
    });
});

t.test('an environment is a plain object', async (t) => {
  for (const wrong of [new Map(), [], null, 5, 'A=b'])
    t.throws(() => to.checkEnv(wrong), {
      message: /^env must be an object/,
      hint: "for example env: {LANG: 'C.UTF-8'}",
    });
  t.same(to.mergeEnv({ A: '1', B: '2' }, { B: '3' }), { A: '1', B: '3' });
  t.same([to.mergeEnv({ A: '1' }, undefined), to.mergeEnv(undefined, { B: '3' })], [{ A: '1' }, { B: '3' }]);
  t.same(to.toEnv({ A: 'x', B: Buffer.from('y'), C: undefined }), [
    ['A', 'x'],
    ['B', Buffer.from('y')],
    ['C', undefined],
  ]);
  t.throws(() => to.toEnv({ A: 'x\0' }), {
    message: /^env\.A must be a string or a Uint8Array without a NUL/,
  });
  for (const name of ['', 'A=B', 'A\0', '$A', 'A B'])
    t.throws(() => to.toPassEnv([name], 'passEnv', {}), {
      message: /^passEnv\[0\] must be the name of a variable/,
    });
});

t.test('an id is plain decimal, and at most 2^32-2', async (t) => {
  const all = (value: string) => toPrincipal(value, 'user');
  t.same(all('+4294967294'), { id: 4_294_967_294, text: '+4294967294' });
  t.same(all('+4294967295'), { text: '+4294967295' });
  t.same(all('4294967294'), { name: '4294967294', id: 4_294_967_294, text: '4294967294' });
  t.same(all('4294967295'), { name: '4294967295', text: '4294967295' });
  t.same(all('9'), { name: '9', id: 9, text: '9' });
  t.same(all(':'), { name: ':', text: ':' });
  for (const key of ['user', 'group'])
    t.throws(() => toPrincipal(undefined, key), {
      message: new RegExp(`^${key} is missing: it must be a name`),
    });
});

t.test('numbers are put in order, each once', async (t) => {
  t.same(to.ascending([5, 3]), [3, 5]);
  t.same(to.ascending([5, 5]), [5]);
});
