import t from 'tap';

import type { FileStatus } from '../../../lib/tree/root.ts';
import type { Entry } from '../../../lib/jail/manifest/planned-entry.ts';
import { type Tree } from '../../support/binary/image.ts';

type Attributes = Readonly<Record<string, Partial<FileStatus>>>;

/** A root in memory of which some files are not root's with mode 0755. */
import { nobody, BOB, path, because, open, shown } from '../../support/jail/selecting.ts';

t.test('a file comes with the directories above it and the links on the way', async (t) => {
  const selection = open({
    '/bin': { link: 'usr/bin' },
    '/usr/bin/vi': { link: '/etc/alternatives/vi' },
    '/etc/alternatives/vi': { link: '../../usr/bin/vim' },
    '/usr/bin/vim': 'x',
  });
  t.equal(selection.addPath(path('/bin/vi'), because), '/usr/bin/vim');
  t.same(shown(selection).toSorted(), [
    '/bin -> usr/bin',
    '/etc/',
    '/etc/alternatives/',
    '/etc/alternatives/vi -> ../../usr/bin/vim',
    '/usr/',
    '/usr/bin/',
    '/usr/bin/vi -> /etc/alternatives/vi',
    '/usr/bin/vim',
  ]);
  t.match(selection.get(path('/usr/bin/vim')), { reason: because });
  t.match(selection.get(path('/bin')), { reason: { how: 'way', by: '/usr/bin/vim' } });
});

t.test('the reason that came first stays, but that of a directory that was only on the way', async (t) => {
  const selection = open({ '/a/f': 'x' });
  selection.addPath(path('/a/f'), { how: 'asked' });
  selection.addPath(path('/a/f'), because);
  t.match(selection.get(path('/a/f')), { reason: { how: 'asked' } });
  selection.add({
    kind: 'directory',
    path: path('/a'),
    mode: 0o700,
    uid: 7,
    reason: { how: 'state', as: 'p' },
  });
  t.match(selection.get(path('/a')), { mode: 0o700, uid: 7, reason: { how: 'state' } });
  selection.add({ kind: 'directory', path: path('/a'), mode: 0o755, reason: because });
  t.match(selection.get(path('/a')), { mode: 0o700 });
  t.equal(shown(selection).filter((line) => line === '/a/').length, 1);
});

t.test('a directory comes before what lies in it, in whatever order things are added', async (t) => {
  const selection = open({ '/a/b/c/d': 'x', '/e/f': 'y' });
  selection.addPath(path('/a/b/c/d'), because);
  selection.addTree(path('/e'), because);
  selection.addPath(path('/a/b'), because);
  const seen = new Set(['/']);
  for (const { path: at } of selection.entries()) {
    t.ok(seen.has(at.slice(0, at.lastIndexOf('/')) || '/'), at);
    seen.add(at);
  }
});

t.test('only additions since the last time are fresh', async (t) => {
  const selection = open({ '/a': 'x', '/b': 'y', '/d/e': { link: '/a' } });
  selection.addPath(path('/a'), because);
  t.same(
    selection.takeFresh().map(({ source }) => source),
    ['/a'],
  );
  selection.addPath(path('/a'), because);
  selection.addTree(path('/d'), because);
  t.same(selection.takeFresh(), []);
  selection.addPath(path('/b'), because);
  t.equal(selection.takeFresh().length, 1);
});

t.test('a path that is not there, and a device, add nothing', async (t) => {
  const selection = open({ '/dev/x': '', '/loop': { link: 'loop' } }, { '/dev/x': { kind: 'other' } });
  for (const at of ['/none', '/none/deeper', '/dev/x', '/dev/x/y', '/loop'])
    t.equal(selection.addPath(path(at), because), undefined, at);
  t.same(shown(selection), []);
});

t.test('a tree comes with its links and with the files that they lead to', async (t) => {
  const selection = open({
    '/t/deep/f': 'x',
    '/t/inside': { link: 'deep/f' },
    '/t/outside': { link: '/o/target' },
    '/t/dangling': { link: '/no/such' },
    '/t/circle': { link: 'circle' },
    '/t/null': { link: '/dev/null' },
    '/o/target': 'y',
    '/o/other': 'z',
  });
  t.equal(selection.addTree(path('/t'), because), '/t');
  const lines = new Set(shown(selection));
  for (const line of [
    '/t/deep/f',
    '/t/inside -> deep/f',
    '/t/outside -> /o/target',
    '/o/target',
    '/t/dangling -> /no/such',
    '/t/circle -> circle',
    '/t/null -> /dev/null',
  ])
    t.ok(lines.has(line), line);
  t.notOk(lines.has('/o/other'));
});

t.test('a path that is not accepted stays out of a tree, with all that lies in it', async (t) => {
  const selection = open({ '/t/keep/f': 'x', '/t/doc/f': 'y', '/t/doc/g': 'z' });
  selection.addTree(path('/t'), because, (at) => !at.endsWith('/doc'));
  t.same(shown(selection), ['/t/', '/t/keep/', '/t/keep/f']);
});

t.test('a tree of any depth comes whole', async (t) => {
  const deep = `/t${'/d'.repeat(300)}/f`;
  const selection = open({ [deep]: 'x' });
  t.ok(selection.addCopy(path('/t'), path('/srv')));
  t.match(selection.get(path(deep.replace('/t', '/srv'))), { kind: 'file' });
});

t.test(
  'named pipes and the like of a copied tree are left out, and told unless that was asked for',
  async (t) => {
    const tree: Tree = {
      '/t/f': 'x',
      '/t/fifo': '',
      '/t/out': '',
      '/t/l': { link: '/dev/null' },
      '/dev/null': '',
    };
    const other = { kind: 'other' } as const;
    const attributes: Attributes = { '/t/fifo': other, '/t/out': other, '/dev/null': other };
    const selection = open(tree, attributes, { ...nobody, without: [path('/srv/out')] });
    selection.addTree(path('/t'), because);
    t.same(selection.special, []);
    t.ok(selection.addCopy(path('/t'), path('/srv')));
    t.same(selection.special, ['/t/fifo']);
    t.same(selection.unused(), []);
    t.ok(selection.addCopy(path('/t'), path('/t')));
    t.same(selection.special.slice(1), ['/t/fifo', '/t/out'], 'but no device that a link leads to');
  },
);

t.test('a file that is copied to a path replaces what a tree has there, but no directory', async (t) => {
  const selection = open({ '/t/f': 'x', '/t/l': { link: 'f' }, '/t/d/g': 'y', '/new': 'z' });
  selection.addCopy(path('/t'), path('/srv'));
  for (const to of ['/srv/f', '/srv/l']) {
    t.ok(selection.addCopy(path('/new'), path(to)));
    t.match(selection.get(path(to)), { kind: 'file', source: '/new' }, to);
  }
  t.same(selection.hidden, []);
  for (const to of ['/srv/d', '/']) {
    selection.addCopy(path('/new'), path(to));
    t.match(selection.hidden.at(-1), { kind: 'file', path: to, reason: { as: '/new' } });
  }
  t.match(selection.get(path('/srv/d')), { kind: 'directory' });
  t.notOk(selection.get(path('/')));
  t.same(
    selection.takeFresh().map(({ path: at, source }) => `${source} ${at}`),
    ['/t/d/g /srv/d/g', '/new /srv/f', '/new /srv/l'],
  );
});

t.test('a link of the layout makes way for no copy', async (t) => {
  const selection = open({
    '/bin': { link: 'usr/bin' },
    '/usr/bin/x': '',
    '/new': 'z',
    '/t/bin': { link: 'usr/bin' },
  });
  selection.addPath(path('/bin'), { how: 'layout' });
  selection.addCopy(path('/t'), path('/'));
  t.same(selection.hidden, [], 'the same link is no other');
  selection.addCopy(path('/new'), path('/bin'));
  t.match(selection.hidden, [{ kind: 'file', path: '/bin' }]);
  t.match(selection.get(path('/bin')), { kind: 'link' });
});

t.test('nothing can lie below a file or link', async (t) => {
  const selection = open({ '/f': 'x', '/t/l': { link: 'd' }, '/t/d/g': 'y' });
  selection.addCopy(path('/f'), path('/etc'));
  selection.addCopy(path('/t'), path('/srv'));
  const hint = { name: 'UsageError', hint: 'name another DEST, such as /etc/f' };
  t.throws(() => selection.addCopy(path('/f'), path('/etc/g')), hint);
  t.throws(() => selection.addCopy(path('/f'), path('/srv/l/f')), {
    message: '/srv/l would be both a directory and a link',
    hint: 'name another DEST, such as /srv/d',
  });
});

t.test('the owning group does not get what a list allows others', async (t) => {
  // u::rw- u:8:rw- g::r-- m::rw- o::--- (acl(5))
  const acl = Buffer.from(
    '0200000001000600ffffffff020006000800000004000400ffffffff10000600ffffffff20000000ffffffff',
    'hex',
  );
  const tree: Tree = { '/app/data': 'x', '/app/none': 'x' };
  const attributes: Attributes = {
    '/app': { mode: 0o770, uid: 1000, gid: 33, acl },
    '/app/data': { mode: 0o660, uid: 1000, gid: 33, acl },
    '/app/none': { mode: 0o660, uid: 1000, gid: 33, acl: acl.subarray(0, 3) },
  };
  const selection = open(tree, attributes, BOB);
  selection.addCopy(path('/app'), path('/app'));
  t.strictSame(ownership(selection.get(path('/app'))), [0o740, 1000, 33]);
  t.strictSame(ownership(selection.get(path('/app/data'))), [0o640, 1000, 33]);
  t.strictSame(ownership(selection.get(path('/app/none'))), [0o600, 1000, 33], 'nothing if it is malformed');
});

t.test('the jail itself is not taken from the root that it lies in', async (t) => {
  const options = { ...nobody, outside: [path('/t/jail')] };
  const selection = open({ '/t/f': 'x', '/t/jail/usr/bin/sh': 'y' }, {}, options);
  selection.addTree(path('/t'), because);
  t.same(shown(selection), ['/t/', '/t/f', '/t/jail/']);
});

t.test('nothing is put where the builder keeps its own', async (t) => {
  const selection = open({ '/.uchroot/manifest.json.gz': 'x', '/.uchrootx': 'y', '/f': 'z' });
  t.equal(selection.addPath(path('/.uchroot/manifest.json.gz'), because), undefined);
  t.notOk(selection.addCopy(path('/f'), path('/.uchroot/new/commit')));
  selection.addTree(path('/'), because);
  t.same(shown(selection), ['/.uchrootx', '/f']);
});

t.test("everything is root's, nobody else may write it, and no bit gives privileges", async (t) => {
  const selection = open(
    { '/bin/su': 'x', '/srv/theirs': 'y', '/srv/open': 'z' },
    {
      '/bin/su': { mode: 0o6755, gid: 5 },
      '/srv/theirs': { mode: 0o664, uid: 1000, gid: 1000 },
      '/srv/open': { mode: 0o1777 },
      '/srv': { mode: 0o777, uid: 1000 },
    },
    BOB,
  );
  for (const at of ['/bin/su', '/srv/theirs', '/srv/open']) selection.addPath(path(at), because);
  for (const entry of selection.entries()) {
    t.equal(modeOf(entry) & 0o7022, 0, entry.path);
    t.notOk('uid' in entry || 'gid' in entry, entry.path);
  }
});

function modeOf(entry: Entry): number {
  return 'mode' in entry ? entry.mode : 0;
}

t.test('privileges are kept for what is named, with the owner that they are of', async (t) => {
  const tree: Tree = { '/bin/su': 'x', '/bin/mail': 'y', '/bin/man': 'z', '/bin/link': { link: 'su' } };
  const attributes: Attributes = {
    '/bin/su': { mode: 0o4755 },
    '/bin/mail': { mode: 0o2775, gid: 8 },
    '/bin/man': { mode: 0o4755, uid: 6 },
  };
  const keepPrivileges = new Set(['/bin/su', '/bin/mail', '/bin/man'].map(path));
  const selection = open(tree, attributes, { ...nobody, keepPrivileges });
  for (const at of ['/bin/link', '/bin/mail', '/bin/man']) selection.addPath(path(at), { how: 'asked' });
  t.match(selection.get(path('/bin/su')), { mode: 0o4755, keepPrivileges: true });
  t.match(selection.get(path('/bin/mail')), { mode: 0o2755, gid: 8 }, 'set-group-ID mail, not root');
  t.match(selection.get(path('/bin/man')), { mode: 0o4755, uid: 6 }, 'set-user-ID man, not root');
});

t.test('a copy has the place that it was given, links in a tree lead where they led', async (t) => {
  const selection = open({
    '/src/f': 'x',
    '/src/l': { link: 'f' },
    '/src/out': { link: '/etc/x' },
    '/etc/x': 'y',
  });
  t.ok(selection.addCopy(path('/src'), path('/srv/app')));
  t.same(shown(selection), ['/srv/', '/srv/app/', '/srv/app/f', '/srv/app/l -> f', '/srv/app/out -> /etc/x']);
  t.match(selection.get(path('/srv/app/f')), { source: '/src/f', reason: { how: 'copied', as: '/src' } });
  t.notOk(selection.addCopy(path('/none'), path('/x')));
});

t.test('a directory that is to be copied and not for all stays closed', async (t) => {
  const tree: Tree = { '/a/f': 'x', '/b/f': 'y', '/c/f': 'z' };
  const attributes: Attributes = {
    '/a': { mode: 0o700 },
    '/b': { mode: 0o700, uid: 1000 },
    '/c': { mode: 0o2775, uid: 1000 },
  };
  const selection = open(tree, attributes, BOB);
  for (const at of ['/a', '/b', '/c']) selection.addCopy(path(at), path(at));
  t.match(selection.get(path('/a')), { mode: 0o700 });
  t.match(selection.get(path('/b')), { mode: 0o700, uid: 1000 });
  t.match(selection.get(path('/c')), { mode: 0o755, uid: 1000 });
});

t.test(
  "a copy stays with its owner if the jail is built for him, and becomes root's otherwise",
  async (t) => {
    const tree: Tree = { '/app/his': 'x', '/app/groups': 'x', '/app/theirs': 'y' };
    const attributes: Attributes = {
      '/app': { mode: 0o2775, uid: 1000, gid: 33 },
      '/app/his': { mode: 0o644, uid: 1000, gid: 1001 },
      '/app/groups': { mode: 0o6664, uid: 7, gid: 33 },
      '/app/theirs': { mode: 0o666, uid: 7, gid: 7 },
    };
    const selection = open(tree, attributes, BOB);
    selection.addCopy(path('/app'), path('/srv/app'));
    t.strictSame(ownership(selection.get(path('/srv/app'))), [0o775, 1000, 33]);
    t.strictSame(ownership(selection.get(path('/srv/app/his'))), [0o644, 1000, 0]);
    t.strictSame(ownership(selection.get(path('/srv/app/groups'))), [0o664, 0, 33]);
    t.strictSame(ownership(selection.get(path('/srv/app/theirs'))), [0o644, 0, 0]);
  },
);

function ownership(entry: Entry | undefined): readonly unknown[] {
  if (entry?.kind !== 'file' && entry?.kind !== 'directory') return [];
  return [entry.mode, entry.uid ?? 0, entry.gid ?? 0];
}

t.test('a copy into the root directory puts there what lies in the directory', async (t) => {
  const selection = open({ '/skeleton/etc/x': 'y' });
  t.ok(selection.addCopy(path('/skeleton'), path('/')));
  t.same(shown(selection), ['/etc/', '/etc/x']);
});
