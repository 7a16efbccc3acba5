import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { openFileRoot } from '../../../lib/tree/root.ts';
import type { FileEvent } from '../../../lib/jail/learn/file-event.ts';
import { sift, type Sifted } from '../../../lib/jail/learn/used-files.ts';
import '../../support/plain-spawn.ts';

const p = bytePath;
const open = (path: string, more: Partial<Extract<FileEvent, { kind: 'open' }>> = {}): FileEvent => ({
  kind: 'open',
  path: p(path),
  reads: true,
  writes: false,
  replaces: false,
  denied: false,
  opened: undefined,
  ...more,
});
const run = (path: string): FileEvent => ({ kind: 'run', path: p(path) });
const look = (path: string, follows = true): FileEvent => ({ kind: 'look', path: p(path), follows });
const list = (path: string): FileEvent => ({ kind: 'list', path: p(path) });
const write = (path: string, replaces = true, denied = false): FileEvent => ({
  kind: 'write',
  path: p(path),
  replaces,
  denied,
});
const connect = (path: string): FileEvent => ({ kind: 'connect', path: p(path) });

interface Tree {
  readonly directory: string;
  readonly sift: (...events: readonly FileEvent[]) => Sifted;
}

function makeTree(t: Test): Tree {
  const directory = t.testdir({
    usr: { bin: { prog: '#!/bin/sh\n' }, lib: { a: 'a', b: 'b', big: '' } },
    etc: { conf: 'c', private: { key: 'k' }, 'ld.so.cache': '' },
    proc: { self: { exe: '' } },
    dev: { null: '' },
    run: { resolv: 'r', pid: '1' },
    tmp: { x: 'x' },
    home: { sam: { rc: '' } },
    var: { log: {}, db: 'd', empty: {} },
  });
  for (const path of ['', '/usr', '/usr/bin', '/usr/lib', '/etc', '/run', '/var', '/var/log', '/var/empty'])
    chmodSync(directory + path, 0o755);
  for (const path of ['/usr/bin/prog', '/usr/lib/a', '/usr/lib/b', '/usr/lib/big', '/etc/conf', '/var/db'])
    chmodSync(directory + path, 0o644);
  chmodSync(`${directory}/run/resolv`, 0o644);
  chmodSync(`${directory}/etc/private`, 0o710);
  chmodSync(`${directory}/etc/private/key`, 0o644);
  truncateSync(`${directory}/usr/lib/big`, 2 ** 20 + 1);
  symlinkSync('usr/lib', `${directory}/lib`);
  symlinkSync('/run/resolv', `${directory}/etc/resolv`);
  symlinkSync('/run', `${directory}/var/run`);
  symlinkSync('/proc/self', `${directory}/etc/mtab`);
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  return {
    directory,
    sift: (...events) => sift({ events, root, home: p('/home/sam') }),
  };
}

const none = { files: [], programs: [], directories: [], secrets: [], writes: [], sockets: [] };

t.test('opened and executed files are needed, under the name they were given', async (t) => {
  const { sift } = makeTree(t);
  t.same(sift(run('/usr/bin/prog'), open('/lib/a'), open('/usr//lib/./b'), open('/usr/bin/../lib/b')), {
    ...none,
    files: ['/lib/a', '/usr/bin/prog', '/usr/lib/b'],
    programs: ['/usr/bin/prog'],
  });
  t.same(sift(open('/lib/../lib/a')).files, ['/lib/../lib/a'], 'after a link .. may lead elsewhere');
});

t.test("the kernel's files, those of the moment, and the home are not, links to them aside", async (t) => {
  const { sift } = makeTree(t);
  const paths = [
    '/proc/self/exe',
    '/dev/null',
    '/run/pid',
    '/var/run/pid',
    '/tmp/x',
    '/home/sam/rc',
    '/etc/mtab/exe',
  ];
  t.same(
    sift(...paths.map((path) => open(path)), ...paths.map((path) => look(path)), look('/home/sam')),
    none,
  );
  t.same(sift(open('/etc/resolv')).files, ['/etc/resolv']);
  t.same(sift(open('/etc/ld.so.cache')), none, 'a jail has its own');
});

t.test('a file that was opened by a descriptor of /proc is the file itself', async (t) => {
  const { sift } = makeTree(t);
  t.same(sift(open('/proc/self/exe', { opened: p('/usr/lib/a') })).files, ['/usr/lib/a']);
  t.same(sift(open('/dev/null', { opened: p('/dev/null') })), none);
});

t.test(
  'a file that was found to be there is needed, unless it is big or one of all in a directory',
  async (t) => {
    const { sift } = makeTree(t);
    t.same(sift(look('/usr/lib/a'), look('/usr/lib/big'), look('/usr/lib/none')).files, ['/usr/lib/a']);
    t.same(sift(open('/usr/lib/big')).files, ['/usr/lib/big'], 'opened is opened');
    t.same(sift(look('/lib/a', false), list('/lib')), { ...none, directories: ['/lib'] });
    t.same(sift(look('/lib/a'), list('/lib')).files, ['/lib/a'], 'asked for by name');
  },
);

t.test('directories have to exist, and those above others go without saying', async (t) => {
  const { sift } = makeTree(t);
  t.same(
    sift(look('/'), look('/var'), look('/var/empty'), list('/usr/lib'), open('/usr/lib/a'), open('/etc'))
      .directories,
    ['/etc', '/var/empty'],
  );
  t.same(sift(open('/var/empty', { denied: true })), none, 'one that may not be read is none');
});

t.test(
  'a file that is not world-readable is a secret: by its mode, or by a directory on its path',
  async (t) => {
    const { sift, directory } = makeTree(t);
    chmodSync(`${directory}/var/db`, 0o640);
    symlinkSync('/etc/private/key', `${directory}/etc/link`);
    symlinkSync('../../usr/lib/a', `${directory}/etc/private/out`);
    t.same(
      sift(
        open('/etc/private/key', { denied: true }),
        open('/etc/link'),
        open('/etc/private/out'),
        run('/var/db'),
        look('/var/db'),
        open('/etc/private/../conf'),
      ),
      {
        ...none,
        files: ['/etc/conf'],
        secrets: ['/etc/link', '/etc/private/key', '/etc/private/out', '/var/db'],
      },
    );
  },
);

t.test('a file that the command made or replaced before it read it is its own', async (t) => {
  const { sift } = makeTree(t);
  const own = open('/etc/conf', { reads: false, writes: true, replaces: true });
  t.same(sift(own, open('/etc/conf'), run('/etc/conf')), { ...none, writes: ['/etc/conf'] });
  t.same(sift(open('/etc/conf'), own), { ...none, files: ['/etc/conf'], writes: ['/etc/conf'] });
  t.same(sift(write('/var/run/new'), write('/lib/a'), open('/usr/lib/a')), {
    ...none,
    writes: ['/run/new', '/usr/lib/a'],
  });
  t.same(sift(write('/etc/conf', false), open('/etc/conf')).files, ['/etc/conf'], 'chmod replaces nothing');
  t.same(
    sift(write('/etc/conf', true, true), open('/etc/conf')).files,
    ['/etc/conf'],
    'nor does what was refused',
  );
});

t.test('a file that was looked at before it was written to or removed is not needed', async (t) => {
  const { sift } = makeTree(t);
  t.same(sift(look('/var/db'), write('/var/db')), { ...none, writes: ['/var/db'] });
  t.same(sift(look('/lib/a'), open('/usr/lib/a', { reads: false, writes: true })).files, []);
});

t.test('a file opened for reading and writing is needed and written to', async (t) => {
  const { sift } = makeTree(t);
  t.same(sift(open('/var/db', { writes: true })), { ...none, files: ['/var/db'], writes: ['/var/db'] });
  t.same(sift(open('/var/log/x', { reads: false, writes: true, denied: true })).writes, ['/var/log/x']);
  t.same(
    sift(write('/nowhere/x', true, true), write('/tmp/y'), write('/proc/self/x'), write('/dev/x')),
    none,
  );
});

t.test('a socket that is there is told, and none that the command made', async (t) => {
  const { sift, directory } = makeTree(t);
  // from its directory, since the path of a socket is short; a server that ends so leaves it behind
  const bind = `require('net').createServer().listen('s', () => process.exit(0))`;
  t.equal(spawnSync(process.execPath, ['-e', bind], { cwd: `${directory}/run` }).status, 0);
  t.same(sift(connect('/var/run/s'), connect('/run/none'), connect('/run/pid')), {
    ...none,
    sockets: ['/var/run/s'],
  });
  t.same(sift(write('/run/s'), connect('/var/run/s')).sockets, []);
});

t.test('paths that are too long or lead in a circle are passed over', async (t) => {
  const { sift, directory } = makeTree(t);
  symlinkSync('loop', `${directory}/loop`);
  mkdirSync(`${directory}/deep`);
  writeFileSync(`${directory}/deep/x`, '');
  const long = `/${'x'.repeat(300)}`;
  t.same(sift(open(long), look('/loop'), connect(long), write(`${long}/y`, true, true)), none);
});
