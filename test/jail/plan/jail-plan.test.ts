import t from 'tap';

import { readCache, writeCache } from '../../../lib/binary/cache.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { showReason } from '../../../lib/jail/manifest/planned-entry.ts';
import { EMPTY_RECIPE, type Recipe } from '../../../lib/jail/manifest/recipe.ts';
import { cacheFor } from '../../../lib/jail/plan/library-cache.ts';
import { type JailPlan, planJail } from '../../../lib/jail/plan/jail-plan.ts';
import { makeElf, memoryRoot, type Tree } from '../../support/binary/image.ts';
import { finish } from '../../support/steps.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const merged: Tree = {
  '/bin': { link: 'usr/bin' },
  '/sbin': { link: 'usr/sbin' },
  '/lib': { link: 'usr/lib' },
  '/lib64': { link: 'usr/lib64' },
  '/usr/sbin/x': '',
  '/usr/lib64/ld-linux-x86-64.so.2': { link: '../lib/sys/ld.so' },
  '/usr/lib/sys/ld.so': Buffer.concat([makeElf(), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]),
  '/usr/lib/sys/libc.so.6': { link: 'libc-2.so' },
  '/usr/lib/sys/libc-2.so': makeElf(),
};
const program = (needed = ['libc.so.6']) => makeElf({ interpreter: LOADER, needed });
const BASELINE = { hwcaps: [] };

function planOf(
  tree: Tree,
  recipe: Partial<Recipe>,
  cpu: { readonly hwcaps: readonly string[] } = BASELINE,
): JailPlan {
  return finish(planJail({ ...EMPTY_RECIPE, ...recipe }, { root: memoryRoot(tree), cpu, users: [] }));
}

const plan = (tree: Tree, programs = ['/bin/p'], cpu: { readonly hwcaps: readonly string[] } = BASELINE) =>
  planOf({ ...merged, ...tree }, { programs: programs.map(bytePath) }, cpu);

/** The files that are not in every jail. */
function shown({ entries }: JailPlan): readonly string[] {
  return entries
    .filter(({ kind, path }) => kind !== 'directory' && !/^\/(?:dev|etc)\//.test(path))
    .map((entry) => (entry.kind === 'link' ? `${entry.path} -> ${entry.target}` : entry.path))
    .toSorted();
}

t.test(
  'links are kept as links, each file lies where it lay, and the layout is that of the host',
  async (t) => {
    t.same(shown(plan({ '/usr/bin/p': program() })), [
      '/bin -> usr/bin',
      '/lib -> usr/lib',
      '/lib64 -> usr/lib64',
      '/usr/bin/p',
      '/usr/lib/sys/ld.so',
      '/usr/lib/sys/libc-2.so',
      '/usr/lib/sys/libc.so.6 -> libc-2.so',
      '/usr/lib64/ld-linux-x86-64.so.2 -> ../lib/sys/ld.so',
    ]);
  },
);

t.test('a directory of the layout that few need comes when something lies in it', async (t) => {
  const made = plan({ '/usr/sbin/d': program([]), '/usr/bin/p': program([]) }, ['/sbin/d', '/bin/p']);
  t.ok(shown(made).includes('/sbin -> usr/sbin'));
});

t.test('each entry has the reason that came first', async (t) => {
  const { entries } = plan({ '/usr/bin/p': program(), '/usr/bin/s': '#!/bin/p -x\n' }, ['/bin/s']);
  const reasons = Object.fromEntries(entries.map(({ path, reason }) => [path, showReason(reason)]));
  t.match(reasons, {
    '/bin': 'on the way to /usr/bin',
    '/usr/bin': 'part of every jail',
    '/usr/bin/s': 'asked for',
    '/usr/bin/p': '#! of /usr/bin/s',
    '/usr/lib/sys/ld.so': 'loader of /usr/bin/p',
    '/usr/lib/sys/libc-2.so': 'needed by /usr/bin/p as libc.so.6',
    '/usr/lib/sys/libc.so.6': 'on the way to /usr/lib/sys/libc-2.so',
    '/etc/passwd': 'pack base',
  });
});

t.test('a path asked for by name that is not there is absent, a learned one has vanished', async (t) => {
  const made = planOf(merged, {
    programs: [bytePath('/bin/gone')],
    copies: [{ from: bytePath('/no/such'), to: bytePath('/srv/x') }],
    learned: [{ command: 'p', files: [bytePath('/etc/gone'), bytePath('/usr/sbin/x')], directories: [] }],
  });
  t.same(made.absent, ['/no/such', '/bin/gone']);
  t.same(made.vanished, ['/etc/gone']);
});

t.test('a copy lies behind the links that the host has on the way', async (t) => {
  const made = planOf(
    { ...merged, '/usr/bin/x': '', '/opt/tool': 'x', '/opt/more/y': 'y' },
    {
      copies: [
        { from: bytePath('/opt/tool'), to: bytePath('/sbin/tool') },
        { from: bytePath('/opt/more'), to: bytePath('/bin') },
        { from: bytePath('/opt/more'), to: bytePath('/') },
      ],
    },
  );
  const paths = new Set(shown(made));
  for (const path of ['/sbin -> usr/sbin', '/usr/sbin/tool', '/bin -> usr/bin', '/usr/bin/y', '/y'])
    t.ok(paths.has(path), path);
  t.same(made.absent, []);
});

t.test('a directory comes before what lies in it, and each path once', async (t) => {
  const { entries } = plan({ '/usr/bin/p': program(), '/usr/bin/s': '#!/bin/p\n' }, ['/bin/s', '/usr/bin/p']);
  const seen = new Set(['/']);
  for (const { path } of entries) {
    t.ok(seen.has(path.slice(0, path.lastIndexOf('/')) || '/'), path);
    t.notOk(seen.has(path), path);
    seen.add(path);
  }
});

t.test('a system without merged /usr gets none', async (t) => {
  const tree = { '/bin/p': makeElf({ type: 2, isStatic: true }), '/usr/bin/x': '' };
  const { entries } = planOf(tree, { programs: [bytePath('/bin/p')] });
  t.match(
    entries.find(({ path }) => path === '/bin'),
    { kind: 'directory' },
  );
  t.notOk(entries.some(({ kind, path }) => kind === 'link' && !path.startsWith('/dev/')));
});

t.test('every jail has /tmp for all, a few devices, and accounts', async (t) => {
  const { entries, packs } = plan({ '/usr/bin/p': program() });
  t.match(packs, [{ name: 'base' }]);
  t.match(
    entries.find(({ path }) => path === '/etc/passwd'),
    { kind: 'data', mode: 0o644, data: /^root:x:0:0:/ },
  );
  t.match(
    entries.find(({ path }) => path === '/etc/group'),
    { kind: 'data', mode: 0o644 },
  );
  t.match(
    entries.find(({ path }) => path === '/tmp'),
    { kind: 'directory', mode: 0o1777 },
  );
  t.match(
    entries.find(({ path }) => path === '/dev/null'),
    { kind: 'device', major: 1, minor: 3, mode: 0o020666 },
  );
});

t.test('a chain of links is kept with each step, and a directory that .. leaves too', async (t) => {
  const { entries } = plan(
    {
      '/usr/bin/vi': { link: '/etc/alternatives/vi' },
      '/etc/alternatives/vi': { link: '/opt/deep/../vim' },
      '/opt/deep/x': '',
      '/opt/vim': program([]),
    },
    ['/bin/vi'],
  );
  const paths = new Set(entries.map(({ path }) => path));
  for (const path of ['/usr/bin/vi', '/etc/alternatives/vi', '/opt/deep', '/opt/vim'])
    t.ok(paths.has(bytePath(path)), path);
});

t.test('missing things are told', async (t) => {
  t.match(plan({ '/usr/bin/p': program(['libgone.so']) }).missing, [
    { path: 'libgone.so', neededBy: '/bin/p' },
  ]);
});

t.test('a build for this processor never comes without the one for all', async (t) => {
  const tree = {
    '/usr/bin/p': program(['liba.so']),
    '/usr/lib/sys/glibc-hwcaps/x86-64-v3/liba.so': makeElf(),
    '/usr/lib/sys/liba.so': makeElf(),
  };
  const paths = new Set(plan(tree, ['/bin/p'], { hwcaps: ['x86-64-v3'] }).entries.map(({ path }) => path));
  t.ok(paths.has(bytePath('/usr/lib/sys/glibc-hwcaps/x86-64-v3/liba.so')));
  t.ok(paths.has(bytePath('/usr/lib/sys/liba.so')));
});

const hostCache = writeCache(
  ['/usr/local/lib/liba.so', '/lib/sys/libc.so.6', '/opt/other.so'].map((path) => ({
    name: bytePath(path.slice(path.lastIndexOf('/') + 1)),
    path: bytePath(path),
    flags: 0x303,
  })),
  'little',
);

t.test('only libraries outside the directories of the loader go into a cache', async (t) => {
  const made = plan({
    '/usr/bin/p': program(['liba.so', 'libc.so.6']),
    '/usr/local/lib/liba.so': makeElf(),
    '/etc/ld.so.cache': hostCache,
  });
  t.match(made.cacheEntries, [{ name: 'liba.so', path: '/usr/local/lib/liba.so', flags: 0x303 }]);
  t.equal(made.cacheEntries.length, 1);
  t.notOk(
    made.entries.some(({ path }) => path === '/etc/ld.so.cache'),
    "the host's own is not copied",
  );
  const cache = cacheFor(made.cacheEntries, made.endian, []);
  t.match(cache && readCache(cache).entries, [{ name: 'liba.so' }]);
});

const withOwn = (name: string) => makeElf({ interpreter: LOADER, needed: [name], runpath: '$ORIGIN/../own' });

t.test(
  'a library found by $ORIGIN of a program goes into the cache, since a jail has no /proc',
  async (t) => {
    const made = plan({ '/usr/bin/p': withOwn('liba.so'), '/usr/own/liba.so': makeElf() });
    t.match(made.cacheEntries, [{ name: 'liba.so', path: '/usr/bin/../own/liba.so' }]);
    const other = plan({ '/usr/bin/p': withOwn('libc.so.6'), '/usr/own/libc.so.6': makeElf() });
    t.same(other.cacheEntries, [], 'but not in the place of one that all others use');
  },
);

t.test('a jail whose programs need no cache gets none', async (t) => {
  const made = plan({ '/usr/bin/p': program(), '/etc/ld.so.cache': hostCache });
  t.same(made.cacheEntries, []);
  t.equal(cacheFor(made.cacheEntries, made.endian, []), undefined);
});

t.test('the cache that a jail has keeps its entries, and is left alone if it suffices', async (t) => {
  const made = plan({
    '/usr/bin/p': program(['liba.so']),
    '/usr/local/lib/liba.so': makeElf(),
    '/etc/ld.so.cache': hostCache,
  });
  const older = { name: bytePath('libb.so'), path: bytePath('/b/libb.so'), flags: 0x303 };
  const stale = { name: bytePath('liba.so'), path: bytePath('/old/liba.so'), flags: 0x303 };
  const cache = cacheFor(made.cacheEntries, made.endian, [older, stale]);
  t.same(cache && readCache(cache).entries.map(({ path }) => path), ['/b/libb.so', '/usr/local/lib/liba.so']);
  t.equal(cacheFor(made.cacheEntries, made.endian, cache ? readCache(cache).entries : []), undefined);
});

t.test("musl's path file comes along", async (t) => {
  const tree = {
    '/lib/ld-musl-x86_64.so.1': makeElf(),
    '/etc/ld-musl-x86_64.path': '/opt',
    '/opt/liba.so': makeElf(),
    '/bin/p': makeElf({ interpreter: '/lib/ld-musl-x86_64.so.1', needed: ['liba.so'] }),
  };
  const made = planOf(tree, { programs: [bytePath('/bin/p')] });
  const paths = new Set(made.entries.map(({ path }) => path));
  for (const path of ['/etc/ld-musl-x86_64.path', '/opt/liba.so']) t.ok(paths.has(bytePath(path)), path);
});
