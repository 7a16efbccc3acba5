// The mounts of a unit, at their places in its jail.
import t from 'tap';

import {
  boundPaths,
  hostMounts,
  mountedPlaces,
  unitMounts,
  unmountable,
} from '../../../../lib/service/adopt/installed/unit-mounts.ts';

const settings = {
  BindPaths: [['/srv/100%', '/mnt/data', true, 0]],
  BindReadOnlyPaths: [['/srv/c', '/etc/c', false, 16384]],
  TemporaryFileSystem: [
    ['/var/lib/x', ''],
    ['/var/y', 'ro,size=1%'],
    ['/', ''],
  ],
  ReadOnlyPaths: ['/', '-/mnt/data/a'],
  InaccessiblePaths: ['+/mnt/data/b'],
  NoExecPaths: ['/', '-+/mnt/data/c'],
};

t.test('each is made below the jail too', async (t) => {
  t.same(unitMounts(settings, '/jail'), [
    'BindPaths=-/srv/100%%:/jail/mnt/data:norbind',
    'BindReadOnlyPaths=/srv/c:/jail/etc/c',
    'TemporaryFileSystem=/jail/var/lib/x',
    'TemporaryFileSystem=/jail/var/y:ro,size=1%%',
    'ReadOnlyPaths=-/jail/mnt/data/a',
    'InaccessiblePaths=-/jail/mnt/data/b',
    'NoExecPaths=-/jail/mnt/data/c',
  ]);
  t.same(unitMounts({}, '/jail'), []);
  t.same(mountedPlaces(settings), ['/mnt/data', '/etc/c', '/var/lib/x', '/var/y', '/']);
});

t.test('a path that cannot stand in a setting as it is can be told', async (t) => {
  t.equal(unmountable(settings), undefined);
  for (const path of ['/a b', '/a"b', '/a:b', '/a\\b']) {
    t.equal(unmountable({ BindPaths: [[path, '/x', false, 0]] }), path);
    t.equal(unmountable({ BindReadOnlyPaths: [['/x', path, false, 0]] }), path);
    t.equal(unmountable({ TemporaryFileSystem: [[path, '']] }), path);
    t.equal(unmountable({ InaccessiblePaths: [`-${path}`] }), path);
  }
});

t.test('the paths of the host are those that are mounted in the jail', async (t) => {
  const all = [
    { path: '/srv/100%', isReadOnly: false },
    { path: '/srv/c', isReadOnly: true },
  ];
  t.same(hostMounts(settings, ''), all);
  t.same(hostMounts(settings, '/etc'), all.slice(1), 'the others are elsewhere');
  t.same(hostMounts({}, ''), []);
});

t.test('a path in ReadWritePaths= is bound so that it can be written', async (t) => {
  const paths = ['/etc/a', '/etc/b'].map((path) => ({ path, isReadOnly: true }));
  t.same(
    boundPaths({ ReadWritePaths: ['-/etc/b'] }, paths).map(({ isReadOnly }) => isReadOnly),
    [true, false],
  );
});
