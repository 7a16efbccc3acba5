// The values of a request about namespaces, and about what the program sees.
import t from 'tap';

import { hasInit, namespacesOf } from '../../../lib/launch/request/isolation-value.ts';
import { normalize } from '../../../lib/launch/request/request.ts';

/** Also for values that TypeScript would refuse. */
const read = (keys: Readonly<Record<string, unknown>>) =>
  normalize({ user: 'sam', jail: '/srv/jail', ...keys });
const path = (text: string) => Buffer.from(text);
const inside = (keys: Readonly<Record<string, unknown>>) => read({ isolate: true, ...keys });
const view = (...entries: readonly unknown[]) => inside({ view: entries });

t.test('namespaces are all, or those that are asked for', async (t) => {
  const all = ['mount', 'cgroup', 'uts', 'ipc', 'pid', 'net'];
  t.same(namespacesOf(read({ isolate: true })), all);
  t.same(namespacesOf(read({ isolate: true, net: 'none' })), all);
  t.same(namespacesOf(read({ isolate: true, net: 'host' })), all.slice(0, -1));
  t.same(namespacesOf(read({ unshare: ['net', 'pid', 'net'] })), ['pid', 'net']);
  t.same(namespacesOf(read({})), []);
  t.ok(hasInit(read({ unshare: ['pid'] })));
  t.notOk(hasInit(read({ unshare: ['net'] })));
});

t.test('a namespace that does not exist is met with one that does', async (t) => {
  for (const [unshare, message, hint] of [
    ['pid', "unshare must be an array, not 'pid'", "for example unshare: ['pid', 'net']"],
    [
      ['nett'],
      /^unshare\[0\] must be one of mount, cgroup, uts, ipc, pid, net/,
      "did you mean unshare: ['net']?",
    ],
    [['pid', 'network'], /^unshare\[1\] must be one of/, "did you mean unshare: ['net']?"],
    [['time'], /^unshare\[0\] must be one of/, "for example unshare: ['mount']"],
  ] as const)
    t.throws(() => read({ unshare }), { name: 'UsageError', message, hint });
});

t.test('what has a meaning in a namespace alone needs it', async (t) => {
  for (const isolation of [{ isolate: true }, { rootless: true }, { unshare: ['uts'] }])
    t.equal(read({ ...isolation, hostname: 'jail' }).hostname, 'jail');
  for (const isolation of [{}, { unshare: ['net'] }, { isolate: false, rootless: false }])
    t.throws(() => read({ ...isolation, hostname: 'jail' }), {
      name: 'UsageError',
      message: 'hostname needs a uts namespace of its own',
      hint: "give isolate: true, or unshare: ['uts']",
    });
  for (const keys of [{ readOnly: true }, { ephemeral: true }, { view: [] }])
    t.throws(() => read(keys), { message: /needs a mount namespace of its own$/ });
  t.notOk(read({ readOnly: false, ephemeral: false }).readOnly);
  t.equal(inside({ readOnly: true }).readOnly, true);
});

t.test('the network is none or that of the host, with isolate', async (t) => {
  for (const net of ['none', 'host'])
    for (const isolation of [{ isolate: true }, { rootless: true }])
      t.equal(read({ ...isolation, net }).net, net);
  t.throws(() => inside({ net: 'yes' }), { message: "net must be one of none, host, not 'yes'" });
  t.throws(() => read({ net: 'host', unshare: ['pid'] }), { message: 'net needs isolate' });
  t.throws(() => inside({ net: 'host', unshare: ['net'] }), {
    message: "net: 'host' and unshare: ['net'] are given at once: choose one",
  });
  t.equal(inside({ net: 'none', unshare: ['net'] }).net, 'none');
  t.equal(inside({ net: 'host', unshare: ['pid'] }).net, 'host');
});

t.test('a place in the jail is an absolute path, and not the jail itself', async (t) => {
  for (const [entry, message] of [
    [{ dir: 'var' }, "view[0].dir must be an absolute path, not 'var'"],
    [{ proc: '' }, "view[0].proc must be an absolute path, not ''"],
    [{ bind: 'a', to: '/a' }, "view[0].bind must be an absolute path, not 'a'"],
    [{ bind: '/x', to: 'a' }, "view[0].to must be an absolute path, not 'a'"],
    [{ bind: '/a' }, 'view[0].to is missing: it must be an absolute path'],
    [{ tmpfs: '/./..//' }, "view[0].tmpfs must be a path below /, where the jail itself is, not '/./..//'"],
  ] as const)
    t.throws(() => view(entry), { name: 'UsageError', message });
  t.same(view({ dir: '/./a/..' }).view, [{ kind: 'dir', target: path('/a/..') }]);
  t.same(view({ proc: '//a/.//b/' }).view, [{ kind: 'proc', target: path('/a/b') }]);
});

t.test('an entry of the view has one kind, and the keys of it', async (t) => {
  for (const entry of [{}, { proc: '/a', dev: '/b' }, null, '/tmp'])
    t.throws(() => view(entry), {
      message: /^view\[0\] must be an object with one of bind, tmpfs, proc, dev, dir, writable/,
      hint: "for example {bind: '/etc', to: '/etc', readOnly: true} or {tmpfs: '/tmp'}",
    });
  t.throws(() => view({ tmpfs: '/a', sizes: 1 }), { message: "unknown key 'sizes'", hint: /'size'/ });
  t.throws(() => view({ proc: '/a', size: 1 }), { message: "unknown key 'size'" });
  for (const [entry, key] of [
    [{ bind: '/a', to: '/a', readOnly: 1 }, 'view[0].readOnly'],
    [{ tmpfs: '/a', noexec: 1 }, 'view[0].noexec'],
  ] as const)
    t.throws(() => view(entry), { name: 'UsageError', key, expected: 'true or false' });
  t.throws(() => inside({ view: {} }), { message: 'view must be an array, not an Object' });
  t.same(view({ bind: '/a', to: '/b' }).view, [
    { kind: 'bind', source: path('/a'), target: path('/b'), readOnly: false },
  ]);
});

t.test('a file system in memory has limits', async (t) => {
  const target = path('/a');
  const usual = { kind: 'tmpfs', target, size: 64 * 2 ** 20, inodes: 8192, mode: 0o1777, noexec: false };
  const most = { size: 2 ** 50, inodes: 2 ** 31, mode: 0o7777, noexec: true };
  t.same(view({ tmpfs: '/a' }, { tmpfs: '/a', ...most }).view, [usual, { ...usual, ...most }]);
  const least = { size: 1, inodes: 1, mode: 0 };
  t.same(view({ tmpfs: '/a', ...least }).view, [{ ...usual, ...least }]);
  for (const [key, values] of Object.entries({
    size: [0, 2 ** 50 + 1],
    inodes: [0, 2 ** 31 + 1],
    mode: [-1, 0o10000],
  }))
    for (const value of values)
      t.throws(() => view({ tmpfs: '/a', [key]: value }), { message: new RegExp(`^view.0..${key} must be`) });
});

t.test('a launch keeps at most as many trees as the launcher has room for', async (t) => {
  const many = (entry: unknown, count: number, isolation: object = { isolate: true }) =>
    read({ ...isolation, view: Array.from({ length: count }, () => entry) });
  const rootless = { rootless: true };
  const message = /^a launch has at most 62 of bind, proc and writable$/;
  for (const [entry, most] of [
    [{ bind: '/a', to: '/a' }, 62],
    [{ proc: '/a' }, 62],
    [{ writable: '/a' }, 62],
  ] as const) {
    t.equal(many(entry, most).view.length, most);
    t.throws(() => many(entry, most + 1), { message, hint: undefined });
  }
  for (const entry of [{ tmpfs: '/a' }, { dev: '/a' }, { dir: '/a' }])
    t.equal(many(entry, 100).view.length, 100);
  for (const [entry, most] of [
    [{ bind: '/a', to: '/a' }, 62],
    [{ proc: '/a' }, 31],
    [{ dev: '/a' }, 10],
  ] as const) {
    t.equal(many(entry, most, rootless).view.length, most);
    t.throws(() => many(entry, most + 1, rootless), {
      message,
      hint: 'rootless, a proc counts twice and a dev six times',
    });
  }
});

t.test('an ordinary user keeps his groups, unless he has a range of ids', async (t) => {
  for (const [key, value] of [
    ['groups', []],
    ['clearGroups', true],
  ] as const) {
    t.throws(() => read({ rootless: true, [key]: value }), {
      message: `${key} and rootless are given at once`,
    });
    t.ok(read({ rootless: true, mapAuto: true, [key]: value }).mapAuto);
    t.notOk(read({ [key]: value }).rootless);
  }
  t.ok(read({ rootless: true, clearGroups: false }).rootless);
  t.throws(() => read({ mapAuto: true }), { name: 'UsageError', message: 'mapAuto needs rootless' });
  t.notOk(read({ mapAuto: false }).mapAuto);
  t.ok(read({ rootless: true }).isolate);
});

t.test('a jail is written to for a while, or kept apart, and not read-only then', async (t) => {
  t.equal(inside({ ephemeral: true }).ephemeral, true);
  t.same(inside({ ephemeral: '/var/tmp/x' }).ephemeral, path('/var/tmp/x'));
  t.equal(inside({ ephemeral: false }).ephemeral, undefined);
  t.throws(() => inside({ ephemeral: 'x' }), {
    message: "ephemeral must be an absolute path, not 'x'",
  });
  t.throws(() => inside({ ephemeral: true, readOnly: true }), { message: /given at once: choose one$/ });
  t.equal(inside({ ephemeral: true, readOnly: false }).ephemeral, true);
});

t.test('a hostname is 1 to 64 letters, digits, dots and hyphens', async (t) => {
  for (const hostname of ['a', 'a-b.c', 'x'.repeat(64)]) t.equal(inside({ hostname }).hostname, hostname);
  for (const hostname of ['', '-', '_my_jail_', 'x'.repeat(65), 5, ['a']])
    t.throws(() => inside({ hostname }), {
      name: 'UsageError',
      key: 'hostname',
      expected: '1 to 64 letters, digits, dots and hyphens',
      hint: "for example hostname: 'jail'",
    });
});
