import t from 'tap';

import { toGroups, toPrincipal } from '../../../lib/launch/request/request.ts';
import * as to from '../../../lib/launch/request/value.ts';

t.test('a NUL is an error in bytes as in a text', async (t) => {
  const nul = { name: 'UsageError', message: 'argv0 must not contain a NUL byte' };
  t.throws(() => to.bytes(Uint8Array.of(0x61, 0), 'argv0'), nul);
  t.throws(() => to.bytes('a\0b', 'argv0'), nul);
  t.same(to.bytes(Uint8Array.of(0x61, 0x30), 'argv0'), Buffer.from('a0'));
});

t.test('a value that is not bytes is named, and a number is shown as a text', async (t) => {
  const missing = (cwd?: unknown) => to.toJail(undefined as never, 'jail', { cwd });
  for (const [cwd, hint] of [
    [undefined, "write jail: '/srv/jail'"],
    ['/', "write jail: '/srv/jail'"],
    ['/srv/j', "write jail: '/srv/j', as cwd is a directory in the jail"],
  ] as const)
    t.throws(() => missing(cwd), { name: 'UsageError', message: 'jail is missing', hint });
  t.throws(() => to.bytes(undefined, 'cwd'), { message: 'cwd must be a string or a Uint8Array' });
  t.throws(() => to.bytes(null, 'jail'), { message: 'jail must be a string or a Uint8Array' });
  t.throws(() => to.bytes(5, 'cwd'), { message: /^cwd must/, hint: "write '5'" });
  t.throws(() => to.bytes(['ls', '-l', 'a'], 'program'), {
    message: /^program must/,
    hint: "write program: 'ls', args: ['-l', 'a']",
  });
  for (const [value, name, hint] of [
    [null, 'cwd', 'leave it out'],
    [undefined, 'args[0]', 'leave it out'],
    [undefined, 'cwd', "write cwd: '/tmp'"],
    [['a'], 'cwd', "write cwd: 'a'"],
    [{}, 'args[0]', "write args[0]: 'TEXT'"],
    [{}, 'program', "write program: '/bin/ls'"],
    [Promise.resolve('a'), 'cwd', 'write await before it'],
  ] as const)
    t.throws(() => to.bytes(value, name), { message: / must be a string/, hint });
  t.throws(() => to.bytes(true, 'cwd'), { message: /^cwd must/, hint: "write 'true'" });
});

t.test('a descriptor is a whole number in its range', async (t) => {
  t.equal(to.descriptor(0, 'fd'), 0);
  t.equal(to.descriptor(3, 'fd', 3), 3);
  t.equal(to.descriptor(2 ** 31 - 1, 'fd'), 2 ** 31 - 1);
  for (const wrong of [-1, 2 ** 31, 1.5, '1', null])
    t.throws(() => to.descriptor(wrong, 'fd'), { message: /from 0 on/, hint: undefined });
  t.throws(() => to.descriptor(2, 'fd', 3), { message: /from 3 on, not 2/, hint: /leave 0 to 2 out/ });
});

t.test('a list names what it should have been', async (t) => {
  const all = (value: unknown) => to.list(value, 'args', (item, i) => [item, i]);
  t.same(all(['a', 'b']), [
    ['a', 0],
    ['b', 1],
  ]);
  t.throws(() => all('a'), { message: 'args must be an array', hint: "write args: ['a']" });
  t.throws(() => all(' -l  /'), { message: 'args must be an array', hint: "write args: ['-l', '/']" });
  t.throws(() => all('-c "a b"'), { message: 'args must be an array', hint: `write args: ['-c "a b"']` });
  t.throws(() => all(5), { message: 'args must be an array', hint: "write args: ['5']" });
  t.throws(() => all(new Set(['a'])), { message: 'args must be an array', hint: 'write args: [...SET]' });
  t.throws(() => all(null), { message: 'args must be an array', hint: 'leave it out' });
});

t.test('groups are at most as many as setgroups takes, and are given or cleared', async (t) => {
  const groups = Array<number>(65_536).fill(5);
  t.equal(toGroups(groups, false)?.length, 65_536);
  t.throws(() => toGroups([...groups, 5], false), { message: /at most 65536/ });
  t.same(toGroups(undefined, true), []);
  t.equal(toGroups(undefined, false), undefined);
  t.throws(() => toGroups([], true), { message: /given and cleared at once/ });
});

t.test('a umask in another notation is shown in octal', async (t) => {
  t.equal(to.toUmask(0o777), 0o777);
  t.equal(to.toUmask(0), 0);
  t.equal(to.toUmask('0027'), 0o27);
  t.equal(to.toUmask('22'), 0o22);
  t.equal(to.toUmask('0o027'), 0o27);
  t.throws(() => to.toUmask(777), { message: /umask/, hint: 'write umask: 0o777' });
  for (const wrong of [1000, 999, -1, '1777', '028', 'u=rwx'])
    t.throws(() => to.toUmask(wrong), { message: /umask/, hint: 'write umask: 0o022' });
});

t.test('a umask of octal digits that is a decimal number is refused', async (t) => {
  for (const [decimal, octal, text] of [
    [22, 0o22, '026'],
    [27, 0o27, '033'],
    [77, 0o77, '0115'],
  ] as const) {
    const hint = `write umask: 0o${decimal}; for the other one '${text}'`;
    t.throws(() => to.toUmask(decimal), { message: /a mode is octal/, hint });
    t.equal(to.toUmask(octal), octal);
    t.equal(to.toUmask(text), decimal, 'the hint has a way to the same number');
  }
});

t.test('an environment is a plain object', async (t) => {
  t.throws(() => to.checkEnv(new Map()), { message: /^env must/, hint: /Object\.fromEntries/ });
  for (const wrong of [[], null, 5, 'A=b'])
    t.throws(() => to.checkEnv(wrong), { message: /^env must/, hint: /NAME/ });
  t.same(to.mergeEnv({ A: '1', B: '2' }, { B: '3' }), { A: '1', B: '3' });
  t.same([to.mergeEnv({ A: '1' }, undefined), to.mergeEnv(undefined, { B: '3' })], [{ A: '1' }, { B: '3' }]);
  t.same(to.toEnv({ A: 'x', B: Buffer.from('y'), C: undefined }), [
    ['A', 'x'],
    ['B', Buffer.from('y')],
    ['C', undefined],
  ]);
  t.throws(() => to.toEnv({ A: 'x\0' }), { message: 'env.A must not contain a NUL byte' });
  for (const name of ['', 'A=B', 'A\0'])
    t.throws(() => to.toPassEnv([name], false), {
      message: /cannot be the name/,
      hint: name.includes('=') ? /--setenv/ : 'give its name alone',
    });
});

t.test('limits are an object', async (t) => {
  for (const wrong of [null, [5], 'nofile=5'])
    t.throws(() => to.toLimits(wrong as unknown as to.Rlimits), {
      message: 'rlimits must be an object such as {nofile: 4096}',
    });
});

t.test('a pid file has a path', async (t) => {
  t.equal(to.toPidFile('/run/a.pid'), '/run/a.pid');
  for (const wrong of ['', 'a\0', 5 as unknown as string])
    t.throws(() => to.toPidFile(wrong), { message: /pidFile must be the path/ });
});

t.test('an id is plain decimal, and at most 2^32-2', async (t) => {
  const all = (value: string) => toPrincipal(value, 'user');
  t.same(all('+4294967294'), { id: 4_294_967_294, text: '+4294967294' });
  t.same(all('+4294967295'), { text: '+4294967295' });
  t.same(all('4294967294'), { name: '4294967294', id: 4_294_967_294, text: '4294967294' });
  t.same(all('4294967295'), { name: '4294967295', text: '4294967295' });
  t.same(all('9'), { name: '9', id: 9, text: '9' });
  t.same(all(':'), { name: ':', text: ':' });
  for (const what of ['user', 'group'] as const)
    t.throws(() => toPrincipal(undefined, what), {
      message: `${what} is missing`,
      hint: new RegExp(`^write ${what}: `),
    });
});

t.test('two numbers are put in order too', async (t) => {
  t.same(to.ascending([5, 3]), [3, 5]);
  t.same(to.ascending([5, 5]), [5]);
});

t.test('an unknown capability is met with the one that is near, or with a page', async (t) => {
  t.throws(() => to.toCapabilities(['cap_chwn']), { message: /no capability 'cap_chwn'/, hint: /chown/ });
  t.throws(() => to.toCapabilities(['xyzzy-plugh']), { message: /no capability/, hint: /capabilities\(7\)/ });
});

t.test('a number in place of a list of numbers is met with that list', async (t) => {
  const one = (value: unknown, name: string) => to.list(value, name, (item) => item);
  for (const [value, name, hint] of [
    [443, 'bindTcp', 'write bindTcp: [443]'],
    [5, 'keepFds', 'write keepFds: [5]'],
    [{}, 'bindTcp', 'write bindTcp: [NUMBER]'],
    ['443', 'bindTcp', 'write bindTcp: [443]'],
    [5, 'passEnv', "write passEnv: ['5']"],
  ] as const)
    t.throws(() => one(value, name), { message: `${name} must be an array`, hint });
});

t.test('a jail in the home of the caller is met with a path', async (t) => {
  t.same(to.toJail('/~/a', 'jail', {}), Buffer.from('/~/a'));
  for (const [jail, hint] of [
    ['~/a', "write jail: os.homedir() + '/a'"],
    ['~a', "write jail: path.resolve('~a')"],
    ['a/b', "write jail: path.resolve('a/b')"],
    ['./a', "write jail: path.resolve('./a')"],
  ] as const)
    t.throws(() => to.toJail(jail, 'jail', {}), {
      name: 'UsageError',
      message: `the jail directory must be an absolute path, not ${jail}`,
      hint,
    });
});
