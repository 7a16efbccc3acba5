import { basename, dirname } from 'node:path';
import t from 'tap';

import {
  asksChroot,
  namedPlaces,
  type Naming,
  pathsIn,
} from '../../../../lib/service/adopt/installed/named-places.ts';

const own = 105;
const owned = new Set(['/var/lib/web', '/var/lib/web/data', '/etc/web/state.d', '/srv/app/data']);
const root = new Set([
  '/var',
  '/var/lib',
  '/var/lib/root',
  '/var/log',
  '/srv',
  '/srv/app',
  '/srv/app/site',
  '/home/app',
  '/data',
  '/data/app',
  '/group',
  '/opt',
  '/opt/app',
  '/etc',
  '/etc/web',
]);
const files = new Set([
  '/srv/app/x.py',
  '/opt/app/x.py',
  '/opt/alone.py',
  '/var/log/web.log',
  '/var/log/auth.log',
  '/etc/web/state.d/a',
  '/etc/web/b',
]);

const lookAt: Naming['lookAt'] = (path) => {
  if (files.has(path)) return { kind: 'file', uid: 0 };
  if (path === '/var/lib/link') return { kind: 'other', uid: own };
  if (owned.has(path)) return { kind: 'directory', uid: own };
  if (path === '/var/log/shared') return { kind: 'directory', uid: 0, writingGid: own };
  return root.has(path) ? { kind: 'directory', uid: 0 } : undefined;
};

const ids = { uids: new Set([own]), gids: new Set([own]) };

const placed = (naming: Partial<Naming>): readonly string[] =>
  namedPlaces({
    words: [],
    texts: [],
    foreign: [],
    files: [],
    packed: [],
    homes: [],
    names: [],
    own: ids,
    surely: ids,
    lookAt,
    list: (path) => [...owned, ...root].filter((one) => dirname(one) === path).map((one) => basename(one)),
    ...naming,
  }).map(({ path, isReadOnly }) => `${isReadOnly ? 'r' : 'w'} ${path}`);

t.test('a text names paths outside of its comments', async (t) => {
  t.same(pathsIn('datadir = /var/lib/web/\n# /var/lib/no\na "/srv/x":/run/y. {/a/../b}'), [
    '/var/lib/web',
    '/srv/x',
    '/run/y',
  ]);
});

t.test('a service gets the data that its configuration names and its account owns', async (t) => {
  t.same(placed({ texts: ['datadir = /var/lib/web/data/x'] }), ['w /var/lib/web'], 'the topmost');
  t.same(placed({ texts: ['datadir = /var/lib/root'] }), []);
  t.same(placed({ texts: ['datadir = /var/lib/link'] }), [], 'a link leads elsewhere');
  t.same(
    placed({ texts: ['log = /var/log/shared/x.log'] }),
    ['w /var/log/shared'],
    'its group can write there',
  );
  t.same(placed({ homes: ['/var/lib/web', '/nonexistent', '/srv'] }), ['w /var/lib/web']);
  t.same(
    placed({ foreign: ['/var/lib/web /srv/app/x /srv/app/data'] }),
    ['w /srv/app/data', 'w /var/lib/web'],
    'a file that the service can write names only what it owns',
  );
  t.same(
    placed({ foreign: ['/var/lib/web'], surely: { ...ids, uids: new Set() } }),
    [],
    'by an account that is surely its own',
  );
  t.same(placed({ files: ['/etc/web/b', '/etc/web/state.d/a'] }), ['w /etc/web/state.d']);
  const packed = ['/etc/web', '/etc/web/state.d'];
  t.same(
    placed({ files: ['/etc/web/state.d/a'], packed }),
    [],
    'configuration, as the package has brought it',
  );
});

t.test('a service gets what its command lines name', async (t) => {
  t.same(placed({ words: ['/opt/app/x.py', '--dir=/var/lib/root'] }), ['r /opt/app', 'w /var/lib/root']);
  t.same(placed({ words: ['/opt/alone.py'] }), ['r /opt/alone.py']);
  t.same(placed({ words: ['/opt/none.py', '/etc/web/b', '/usr/bin/web'] }), []);
  t.same(placed({ words: ['--data', '/srv/app/data'] }), ['w /srv/app/data']);
  t.same(
    placed({ words: ['/srv/app/x.py'] }),
    ['r /srv/app', 'w /srv/app/data'],
    'with the directories there that are its own',
  );
  t.same(placed({ words: ['/data/app'] }), ['r /data/app'], 'at a place of its own');
  t.same(placed({ words: ['/home/app'] }), []);
  t.same(
    placed({ texts: ['root /srv/app/site; alias /opt/app'] }),
    ['r /srv/app/site'],
    'not the sites of others',
  );
});

t.test('a log of its own name that lies directly in /var/log is written', async (t) => {
  t.same(placed({ names: ['web', 'webd', 'auth'] }), ['w /var/log/web.log']);
});

t.test('a configuration that asks for chroot(2) is known by its settings, not by its comments', async (t) => {
  for (const text of ['chroot = /var/empty', 'a\n  chroot $prefix', 'use chroot = yes', 'chroot_dir: "/x"'])
    t.ok(asksChroot(text), text);
  for (const text of [
    '; chroot = /x',
    '# chroot /x',
    'use chroot = no',
    'chroot: ""',
    'chroot =',
    'chroot off',
  ])
    t.notOk(asksChroot(text), text);
});
