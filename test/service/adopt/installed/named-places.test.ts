import t from 'tap';

import { namedPlaces, type Naming, pathsIn } from '../../../../lib/service/adopt/installed/named-places.ts';

const own = 105;
const owned = new Set(['/var/lib/web', '/var/lib/web/data', '/etc/web/state.d', '/srv/app/data']);
const root = new Set([
  '/var',
  '/var/lib',
  '/var/lib/root',
  '/srv',
  '/srv/app',
  '/opt',
  '/opt/app',
  '/etc',
  '/etc/web',
]);
const files = new Set([
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
  return root.has(path) ? { kind: 'directory', uid: 0 } : undefined;
};

const placed = (naming: Partial<Naming>): readonly string[] =>
  namedPlaces({
    words: [],
    texts: [],
    foreign: [],
    files: [],
    packed: [],
    homes: [],
    names: [],
    uids: new Set([own]),
    surely: new Set([own]),
    lookAt,
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
  t.same(placed({ homes: ['/var/lib/web', '/nonexistent', '/srv'] }), ['w /var/lib/web']);
  t.same(
    placed({ foreign: ['/var/lib/web /srv/app/x /srv/app/data'] }),
    ['w /srv/app/data', 'w /var/lib/web'],
    'a file that the service can write names only what it owns',
  );
  t.same(
    placed({ foreign: ['/var/lib/web'], surely: new Set() }),
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
  t.same(placed({ words: ['--data', '/srv/app/data'] }), ['r /srv/app', 'w /srv/app/data']);
});

t.test('a log of its own name that lies directly in /var/log is written', async (t) => {
  t.same(placed({ names: ['web', 'webd', 'auth'] }), ['w /var/log/web.log']);
});
