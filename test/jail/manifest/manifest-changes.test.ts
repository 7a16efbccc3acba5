import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { changesBetween, findExtra, versionChanges } from '../../../lib/jail/manifest/manifest-changes.ts';
import type { Manifest, Recorded } from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { memoryRoot } from '../../support/binary/image.ts';

function manifest(entries: readonly Recorded[], packages: Record<string, string> = {}): Manifest {
  return { recipe: EMPTY_RECIPE, packs: [], packages, entries };
}

function file(path: string, some: Partial<Recorded> = {}): Recorded {
  const common = { mode: 0o644, uid: 0, gid: 0, sizeBytes: 1, sha256: 'a'.repeat(64) };
  return { path: bytePath(path), kind: 'file', reason: { how: 'asked' }, ...common, ...some };
}

t.test('a path in one manifest only was added or removed', async (t) => {
  const before = manifest([file('/a'), file('/b', { package: 'p' })]);
  const after = manifest([file('/a'), file('/c', { package: 'q' })]);
  t.same(changesBetween(before, after), [
    { kind: 'added', path: '/c', package: 'q' },
    { kind: 'removed', path: '/b', package: 'p' },
  ]);
  t.same(changesBetween(undefined, before), [
    { kind: 'added', path: '/a' },
    { kind: 'added', path: '/b', package: 'p' },
  ]);
});

t.test('content, mode, owner, target and kind make a change', async (t) => {
  const changed = (one: Partial<Recorded>, other: Partial<Recorded>) =>
    changesBetween(manifest([file('/a', one)]), manifest([file('/a', other)])).map(({ kind }) => kind);
  t.same(changed({}, { sha256: 'b'.repeat(64) }), ['changed']);
  t.same(changed({}, { mode: 0o755 }), ['changed']);
  t.same(changed({}, { uid: 5 }), ['changed']);
  t.same(changed({}, { gid: 5 }), ['changed']);
  t.same(changed({ kind: 'link', target: bytePath('x') }, { kind: 'link', target: bytePath('y') }), [
    'changed',
  ]);
  t.same(changed({}, { kind: 'directory' }), ['changed']);
});

t.test('another time, reason or package makes none', async (t) => {
  const before = manifest([file('/a', { mtimeMs: 1, package: 'p' })]);
  const after = manifest([file('/a', { mtimeMs: 2, package: 'q', reason: { how: 'copied' } })]);
  t.same(changesBetween(before, after), []);
});

t.test('a path that is no UTF-8 is named in the way of JSON', async (t) => {
  const [change] = changesBetween(
    undefined,
    manifest([file('/x', { path: bytePath(Buffer.from([0x2f, 0xff])) })]),
  );
  t.equal(change?.path, '/\udcff');
});

t.test('versions of packages are compared by name', async (t) => {
  const before = manifest([], { kept: '1', newer: '1', gone: '1' });
  const after = manifest([], { kept: '1', newer: '2', come: '1' });
  t.same(versionChanges(before, after), [
    { package: 'come', from: undefined, to: '1' },
    { package: 'gone', from: '1', to: undefined },
    { package: 'newer', from: '1', to: '2' },
  ]);
  t.same(versionChanges(undefined, manifest([], { a: '1' })), [{ package: 'a', from: undefined, to: '1' }]);
});

t.test(
  'a file that the builder has not made is extra, in directories of root that it has made',
  async (t) => {
    const directory = (path: string) => file(path, { kind: 'directory' });
    const jail = memoryRoot({
      '/bin/sh': '',
      '/bin/new': '',
      '/srv/a/b': '',
      '/home/sam/notes': '',
      '/mnt/disk': '',
      '/tmp/x': '',
      '/old': '',
    });
    const own = manifest([
      ...['/bin', '/home', '/home/sam', '/mnt', '/tmp'].map(directory),
      ...['/bin/sh', '/old', '/gone'].map((path) => file(path)),
    ]);
    const root = {
      ...jail,
      lstat: (path: BytePath) => {
        const status = jail.lstat(path);
        return status && { ...status, uid: path === '/home/sam' ? 1001 : 0, dev: path === '/mnt' ? 2n : 1n };
      },
    };
    t.same(findExtra(root, own), ['/bin/new', '/srv']);
    t.same(findExtra({ ...root, list: (path) => (path === '/bin' ? undefined : jail.list(path)) }, own), [
      '/srv',
    ]);
    const vanished = (path: BytePath) => (path === '/srv' ? undefined : root.lstat(path));
    t.same(findExtra({ ...root, lstat: vanished }, own), ['/bin/new']);
  },
);

t.test('no more than 10,000 paths are extra', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`/x${i}`, '']));
  t.equal(findExtra(memoryRoot(many), manifest([])).length, 10_000);
});
