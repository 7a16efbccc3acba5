// The calls of uchroot/posix, compared with those of the npm package posix.
import { readFileSync } from 'node:fs';

import posix from 'posix';
import t from 'tap';

import * as calls from '../lib/posix.ts';
import { inChild } from './support/child.ts';
import { unlessRoot } from './support/root.ts';

const skip = unlessRoot();

const namesIn = (path: string): readonly string[] =>
  readFileSync(path, 'latin1')
    .split('\n')
    .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
    .filter((name) => name !== '');

t.test('it exports these calls and no others', async (t) => {
  const names = 'chdir chroot execv getgrnam getgrouplist getpwnam getpwuid setgid setgroups setuid';
  t.equal(Object.keys(calls).toSorted().join(' '), names);
});

t.test('getpwnam and getpwuid answer as posix.getpwnam does', async (t) => {
  for (const name of namesIn('/etc/passwd')) {
    const theirs = posix.getpwnam(name);
    t.match(calls.getpwnam(name), { ...theirs }, name);
    t.match(calls.getpwuid(theirs.uid), { ...posix.getpwnam(theirs.uid) }, `uid ${theirs.uid}`);
  }
  t.equal(calls.getpwnam('no-such-user'), null);
  t.throws(() => posix.getpwnam('no-such-user'));
  t.equal(calls.getpwuid(4_000_000_001), null);
});

t.test('getgrnam answers as posix.getgrnam does', async (t) => {
  for (const name of namesIn('/etc/group')) t.match(calls.getgrnam(name), { ...posix.getgrnam(name) }, name);
  t.equal(calls.getgrnam('no-such-group'), null);
});

t.test('getgrouplist has the groups that posix.initgroups would set', { skip }, async (t) => {
  for (const name of namesIn('/etc/passwd').slice(0, 8)) {
    const { gid } = posix.getpwnam(name);
    const theirs = inChild(`posix.initgroups(${JSON.stringify(name)}, ${gid}); tell(ids('Groups'))`);
    t.same(
      [...new Set(calls.getgrouplist(name, gid))].toSorted((a, b) => a - b),
      theirs,
      name,
    );
  }
});

t.test('a name in place of an id, as process.setuid takes it, is told with the look-up', async (t) => {
  const { setuid, setgid } = calls as unknown as Readonly<Record<'setuid' | 'setgid', (id: string) => void>>;
  t.throws(
    () => setuid('root'),
    new TypeError("an id is a number, not 'root': getpwnam(name)?.uid looks it up"),
  );
  t.throws(
    () => setgid('root'),
    new TypeError("an id is a number, not 'root': getgrnam(name)?.gid looks it up"),
  );
});

t.test('a value of the wrong type is told with the call that takes it', async (t) => {
  const untyped = calls as unknown as Readonly<Record<string, (...given: unknown[]) => unknown>>;
  for (const [call, given, says] of [
    ['getpwnam', [0], /not 0: getpwuid\(uid\) takes an id$/],
    ['chroot', [5], /a path is a text, not 5: write '5'$/],
    ['chdir', [undefined], /a path is a text, not undefined: write '\/'$/],
    ['chroot', [new URL('file:///srv')], /write fileURLToPath\('file:\/\/\/srv'\)$/],
    ['execv', ['/bin/ls', ['ls', 5]], /an argument is a text, not 5: write '5'$/],
    ['getpwuid', ['1001'], /not '1001': write 1001$/],
    ['getpwuid', ['root'], /not 'root': getpwnam\(name\) looks it up$/],
    ['getgrnam', [0], /a name is a text, not 0/],
    [
      'getgrouplist',
      ['root'],
      /not undefined: getpwnam\(user\)\?\.gid looks it up, and there is none if the name is unknown$/,
    ],
    ['setgroups', ['root'], /gids must be an array, not 'root': write setgroups\(/],
    ['setgroups', [['root']], /not 'root': getgrnam\(name\)\?\.gid looks it up$/],
    [
      'setuid',
      [calls.getpwnam('no-such-user')?.uid],
      /not undefined: getpwnam\(name\)\?\.uid looks it up, and there is none/,
    ],
    ['execv', ['/bin/ls'], /argv must be an array, not undefined: write execv\(/],
    ['execv', ['/bin/ls', 'ls -l'], /argv must be an array, not 'ls -l': write execv\(/],
  ] as const)
    t.throws(() => untyped[call]?.(...given), { name: 'TypeError', message: says }, call);
});

const failed = (call: string): unknown =>
  inChild(`const calls = await load('posix.js'); tell(attempt(() => { ${call} }))`);

t.test('an error has the hint that fits its call', { skip }, async (t) => {
  t.match(failed('calls.setuid(1235); calls.setgid(1234)'), {
    code: 'EPERM',
    hint: /setgroups, setgid and setuid/,
  });
  t.match(failed("calls.setuid(1235); calls.chroot('/')"), { code: 'EPERM', hint: /chroot before setuid$/ });
  t.match(failed("calls.execv('ls', ['ls'])"), {
    code: 'ENOENT',
    hint: /^PATH is not searched: .*'\/usr\/bin\/ls'$/,
  });
  t.match(failed("calls.chroot('/no/jail')"), {
    code: 'ENOENT',
    hint: 'uchroot-jail build /no/jail bash makes a jail',
  });
  t.match(failed("calls.chdir('/no/place')"), { code: 'ENOENT', hint: /^is it there\?/ });
});

// Words in `by` start the second one.
const both = (mine: string, theirs: string, told: string, by: readonly string[] = []): readonly unknown[] =>
  [mine, theirs].map((call, i) =>
    inChild(`const calls = await load('posix.js'); ${call}; tell(${told})`, i === 0 ? [] : by),
  );

t.test(
  'setgroups, setgid and setuid do what setgroups, setregid and setreuid of posix do',
  { skip },
  async (t) => {
    const ids = "[ids('Groups'), ids('Gid'), ids('Uid')]";
    const [mine, theirs] = both(
      'calls.setgroups([5, 7]); calls.setgid(1234); calls.setuid(1235)',
      'posix.setregid(1234, 1234); posix.setreuid(1235, 1235)',
      ids,
      // posix has no setgroups()
      ['setpriv', '--groups=5,7'],
    );
    t.same(mine, theirs);
    t.same(mine, [
      [5, 7],
      [1234, 1234, 1234, 1234],
      [1235, 1235, 1235, 1235],
    ]);
  },
);

t.test('chroot and chdir do what posix.chroot does, and it alone does no chdir', { skip }, async (t) => {
  const tree = t.testdir({ inside: '' });
  const [mine, theirs] = both(
    `calls.chroot(${JSON.stringify(tree)}); calls.chdir('/')`,
    `process.chdir(${JSON.stringify(tree)}); posix.chroot(${JSON.stringify(tree)})`,
    "readdirSync('/')",
  );
  t.same(mine, theirs);
  t.same(mine, ['inside']);
});

t.test('execv becomes the program', { skip }, async (t) => {
  t.equal(inChild("const calls = await load('posix.js'); calls.execv('/bin/echo', ['echo', '5'])"), 5);
  t.match(
    inChild("const calls = await load('posix.js'); tell(attempt(() => calls.execv('/nothing', ['x'])))"),
    { code: 'ENOENT', syscall: 'execv', path: '/nothing' },
  );
});
