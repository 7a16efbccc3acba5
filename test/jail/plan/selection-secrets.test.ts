// A file that is not world-readable does not come into a jail unless it was named.

import t from 'tap';

import type { FileStatus } from '../../../lib/tree/root.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import { type Tree } from '../../support/binary/image.ts';

type Attributes = Readonly<Record<string, Partial<FileStatus>>>;

/** A root in memory of which some files are not root's with mode 0755. */
import { nobody, BOB, path, because, packaged, open, shown } from '../../support/jail/selecting.ts';

const secrets: Attributes = {
  '/etc/shadow': { mode: 0o640, gid: 42 },
  '/etc/key': { mode: 0o600, uid: 1000 },
  '/etc/group-key': { mode: 0o640, gid: 33 },
};
const secretTree: Tree = { '/etc/shadow': 'x', '/etc/key': 'y', '/etc/group-key': 'z', '/etc/hosts': 'h' };

t.test('a file that is not world-readable is left out and reported, unless it is named', async (t) => {
  const selection = open(secretTree, secrets);
  t.equal(selection.addPath(path('/etc/shadow'), because), undefined);
  selection.addTree(path('/etc'), because);
  t.same(selection.secrets.toSorted(), ['/etc/group-key', '/etc/key', '/etc/shadow']);
  t.same(shown(selection), ['/etc/', '/etc/hosts']);
  t.ok(selection.addCopy(path('/etc/shadow'), path('/etc/shadow')));
  const copy = selection.get(path('/etc/shadow'));
  t.match(copy, { kind: 'file', mode: 0o640, reason: { how: 'copied' } });
  t.notOk(copy !== undefined && 'gid' in copy, 'and is for root alone');
});

t.test('a link to a secret says nothing', async (t) => {
  const selection = open({ ...secretTree, '/t/s': { link: '/etc/shadow' } }, secrets);
  selection.addTree(path('/t'), because);
  t.same(shown(selection), ['/t/', '/t/s -> /etc/shadow']);
});

t.test('a secret that a user of the jail may read comes only if it was named, and stays his', async (t) => {
  const selection = open(secretTree, secrets, BOB);
  selection.addTree(path('/etc'), because);
  t.same(selection.secrets.toSorted(), ['/etc/group-key', '/etc/key', '/etc/shadow']);
  t.same(shown(selection), ['/etc/', '/etc/hosts']);
  for (const name of ['/etc/key', '/etc/group-key']) t.ok(selection.addCopy(path(name), path(name)));
  t.match(selection.get(path('/etc/key')), { mode: 0o600, uid: 1000 });
  t.match(selection.get(path('/etc/group-key')), { mode: 0o640, gid: 33 });
});

t.test(
  'a world-readable file of a package in a directory that others cannot search is a secret too',
  async (t) => {
    const tree: Tree = { '/etc/private/key': 'x', '/etc/private/deep/key': 'y' };
    const attributes: Attributes = { '/etc/private': { mode: 0o710, gid: 33 } };
    const selection = open(tree, attributes);
    selection.addTree(path('/etc'), packaged);
    t.same(selection.secrets.toSorted(), ['/etc/private/deep/key', '/etc/private/key']);
    const forMember = open(tree, attributes, BOB);
    forMember.addTree(path('/etc'), packaged);
    t.same(forMember.secrets.toSorted(), ['/etc/private/deep/key', '/etc/private/key']);
  },
);

const ofProgram = (by: string): Reason => ({ ...because, by: path(by) });

t.test('a pack brings nothing out of a directory that others cannot search', async (t) => {
  const tree: Tree = {
    '/usr/local/bin/p': 'x',
    '/etc/p/conf': 'y',
    '/etc/p/deep/conf': 'z',
    '/etc/open': '',
  };
  const selection = open(tree, { '/etc/p': { mode: 0o700 } });
  selection.addPath(path('/usr/local/bin/p'), { how: 'asked' });
  const before = shown(selection);
  const reason = ofProgram('/usr/local/bin/p');
  t.equal(selection.addTree(path('/etc/p'), reason), undefined);
  t.equal(selection.addPath(path('/etc/p/conf'), reason), undefined);
  t.same(shown(selection), before);
  t.same(selection.secrets.toSorted(), ['/etc/p', '/etc/p/conf']);
  t.equal(selection.addTree(path('/etc'), reason), '/etc');
  t.same(shown(selection).slice(before.length), ['/etc/', '/etc/open']);
});

t.test('a secret that is to be left out is not told', async (t) => {
  const tree: Tree = { '/etc/p/conf': 'y', '/etc/key': 'z' };
  const attributes: Attributes = { '/etc/p': { mode: 0o700 }, '/etc/key': { mode: 0o600 } };
  const selection = open(tree, attributes, { ...nobody, without: ['/etc/p', '/etc/key'].map(path) });
  for (const at of ['/etc/p', '/etc']) selection.addTree(path(at), because);
  selection.addPath(path('/etc/key'), packaged);
  t.same(selection.secrets, []);
  t.same(selection.unused(), []);
});

t.test('the directories above a program are open for its own files, and no others', async (t) => {
  const tree: Tree = {
    '/root/app/bin/p': 'x',
    '/root/app/data': 'y',
    '/root/app/private/key': 'z',
    '/root/app/away': { link: '/etc/closed/key' },
    '/root/open/conf': 'c',
    '/etc/closed/key': 'k',
  };
  const attributes: Attributes = {
    '/root': { mode: 0o700 },
    '/root/app': { mode: 0o750 },
    '/root/app/private': { mode: 0o700 },
    '/etc/closed': { mode: 0o700 },
  };
  const selection = open(tree, attributes);
  selection.addPath(path('/root/app/bin/p'), { how: 'asked' });
  t.equal(selection.addTree(path('/root/app'), ofProgram('/root/app/bin/p')), '/root/app');
  t.equal(selection.addPath(path('/root/open/conf'), ofProgram('/usr/bin/p')), undefined);
  t.same(
    shown(selection).filter((line) => !line.endsWith('/')),
    ['/root/app/bin/p', '/root/app/away -> /etc/closed/key', '/root/app/data'],
  );
  t.same(selection.secrets.toSorted(), ['/etc/closed/key', '/root/app/private', '/root/open/conf']);
});

t.test('a program that is copied into a directory does not open that of the host', async (t) => {
  const tree: Tree = { '/tmp/p': 'x', '/opt/p/data': 'y', '/opt/p/deep/data': 'z' };
  const selection = open(tree, { '/opt/p': { mode: 0o700 } });
  selection.addCopy(path('/tmp/p'), path('/opt/p/bin/p'));
  selection.addTree(path('/opt/p'), ofProgram('/opt/p/bin/p'));
  t.same(shown(selection), ['/opt/', '/opt/p/', '/opt/p/bin/', '/opt/p/bin/p']);
  t.same(selection.secrets.toSorted(), ['/opt/p/data', '/opt/p/deep']);
});
