import t from 'tap';

import { bytePath } from '../../lib/tree/path.ts';
import { rememberReads, rememberStatus } from '../../lib/tree/remembered-root.ts';
import type { FileRoot } from '../../lib/tree/root.ts';
import { isExecutable, rememberWalks, walk } from '../../lib/tree/walk.ts';
import { memoryRoot } from '../support/binary/image.ts';

const root = memoryRoot({
  '/bin': { link: 'usr/bin' },
  '/usr/bin/bash': 'x',
  '/usr/bin/sh': { link: 'bash' },
  '/usr/bin/vi': { link: '/etc/alternatives/vi' },
  '/etc/alternatives/vi': { link: '/bin/../bin/bash' },
  '/a': { link: 'b' },
  '/b': { link: 'a' },
  '/up': { link: '../../../../usr' },
  '/gone': { link: '/nowhere/at/all' },
});
const at = (path: string) => walk(root, bytePath(path));

t.test('every link on the way is kept, in order', async (t) => {
  t.match(at('/bin/sh'), {
    kind: 'found',
    path: '/usr/bin/bash',
    links: [
      { path: '/bin', target: 'usr/bin' },
      { path: '/usr/bin/sh', target: 'bash' },
    ],
  });
});

t.test('a chain through an absolute link and back is kept, with the directory that .. leaves', async (t) => {
  const way = at('/usr/bin/vi');
  t.equal(way.path, '/usr/bin/bash');
  t.same(
    way.links.map(({ path }) => path),
    ['/usr/bin/vi', '/etc/alternatives/vi', '/bin'],
  );
  t.same(way.passed, ['/usr/bin']);
});

t.test('nothing leads out of the root', async (t) => {
  t.equal(at('/../../..').path, '/');
  t.match(at('/up/bin/bash'), { kind: 'found', path: '/usr/bin/bash' });
});

t.test('the obstacle on a way is named', async (t) => {
  t.match(at('/usr/bin/zsh'), { kind: 'missing', path: '/usr/bin/zsh' });
  t.match(at('/opt/x/y'), { kind: 'missing', path: '/opt' });
  t.match(at('/gone'), { kind: 'missing', path: '/nowhere', links: [{ path: '/gone' }] });
  t.match(at('/bin/bash/x'), { kind: 'not-directory', path: '/usr/bin/bash' });
  t.match(at('/bin/bash/'), { kind: 'not-directory', path: '/usr/bin/bash' }, 'a slash at the end');
  t.equal(at('/a').kind, 'loop');
  t.equal(at('/a').links.length, 40);
});

t.test('a directory that may not be searched is named', async (t) => {
  const guarded = {
    ...root,
    lstat: (path: ReturnType<typeof bytePath>) => {
      if (path.startsWith('/usr/')) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
      return root.lstat(path);
    },
  };
  t.match(walk(guarded, bytePath('/bin/bash')), { kind: 'denied', path: '/usr' });
});

t.test('a walk that is remembered is the same, and a relative path begins at the root', async (t) => {
  const remembering = rememberWalks({ ...root });
  const paths = [
    '/',
    '',
    'b',
    'usr',
    'usr/bin/sh',
    'a/b',
    '//bin//sh',
    '/bin/bash/',
    '/bin/bash/x',
    '/up/..',
  ];
  for (const path of [...paths, ...paths]) t.same(walk(remembering, bytePath(path)), at(path), path);
});

t.test('a file that somebody may execute is executable', async (t) => {
  const modes = [0o001, 0o010, 0o100, 0o666];
  const files = memoryRoot({ '/file': 'x' });
  const isSo = (mode: number, path = '/file') => {
    const lstat: FileRoot['lstat'] = (at) => {
      const status = files.lstat(at);
      return status && { ...status, mode };
    };
    return isExecutable({ ...files, lstat }, bytePath(path));
  };
  t.same(
    modes.map((mode) => isSo(mode)),
    [true, true, true, false],
  );
  t.same([isSo(0o755, '/'), isSo(0o755, '/none')], [false, false]);
});

t.test('a root that remembers asks once', async (t) => {
  let asked = 0;
  const counting = {
    ...root,
    lstat: (path: ReturnType<typeof bytePath>) => {
      asked++;
      return root.lstat(path);
    },
  };
  const remembering = rememberStatus(counting);
  walk(remembering, bytePath('/bin/sh'));
  const first = asked;
  t.match(walk(remembering, bytePath('/bin/sh')), { kind: 'found' });
  t.equal(asked, first);
});

t.test(
  'a root that remembers reads opens a file once for its headers, and again only for what lies further on',
  async (t) => {
    const opened: string[] = [];
    const text = 'head'.padEnd(9000, '.');
    const root = rememberReads(memoryRoot({ '/file': text }, (path) => opened.push(path)));
    const read = (offset: number, length: number) => {
      const file = root.open(bytePath('/file'));
      const data = file?.read(offset, length) ?? new Uint8Array();
      file?.close();
      return Buffer.from(data).toString('latin1');
    };
    t.equal(read(0, 4), 'head');
    t.equal(read(2, 250), text.slice(2, 252));
    t.same(opened, ['/file']);
    t.equal(read(4000, 90), text.slice(4000, 4090));
    t.equal(read(4001, 90), text.slice(4001, 4091));
    t.same(opened, ['/file', '/file']);
    t.equal(read(4000, 200), text.slice(4000, 4200), 'over the end of a page');
    t.equal(read(8990, 90), text.slice(8990), 'over the end of the file');
    t.equal(read(0, 9000), text);
    t.equal(root.open(bytePath('/nothing')), undefined);
  },
);

t.test('a root that remembers reads does not mix two versions of a file', async (t) => {
  const path = bytePath('/file');
  const rootOf = (text: string, status: object) => {
    const files = memoryRoot({ '/file': text });
    const file = files.open(path);
    return { ...files, open: () => file && { ...file, status: { ...file.status, ...status } } };
  };
  const old = rootOf('old'.padEnd(9000, 'o'), {});
  const others = {
    'replaced by rename': rootOf('new'.padEnd(9000, 'n'), { ino: 99n }),
    'on another file system': rootOf('new'.padEnd(9000, 'n'), { dev: 99n }),
    'written to': rootOf('new'.padEnd(9000, 'n'), { mtimeMs: 99 }),
    longer: rootOf('new'.padEnd(9001, 'n'), {}),
    removed: memoryRoot({}),
  };
  for (const [name, other] of Object.entries(others)) {
    let now: FileRoot = old;
    const root = rememberReads({ ...old, open: (at) => now.open(at) });
    t.equal(Buffer.from(root.open(path)?.read(0, 3) ?? []).toString(), 'old');
    now = other;
    const file = root.open(path);
    t.equal(Buffer.from(file?.read(0, 3) ?? []).toString(), 'old', 'what is known already');
    t.throws(() => file?.read(5000, 3), { name: 'JailError', code: 'EAGAIN', path: '/file' }, name);
  }
});
