// The calls of uchroot/posix, compared with those of the npm package posix.
import { chmodSync, readFileSync } from 'node:fs';

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

t.test('a value of the wrong type is refused', async (t) => {
  const untyped = calls as unknown as Readonly<Record<string, (...given: unknown[]) => unknown>>;
  for (const [call, given] of [
    ['getpwnam', [0]],
    ['getpwuid', ['root']],
    ['getgrnam', [0]],
    ['getgrouplist', ['root']],
    ['setgroups', ['root']],
    ['setgroups', [['root']]],
    ['setgid', ['root']],
    ['setuid', [undefined]],
    ['chroot', [5]],
    ['chdir', [undefined]],
    ['execv', ['/bin/ls', 'ls -l']],
    ['execv', ['/bin/ls', ['ls', 5]]],
  ] as const)
    t.throws(() => untyped[call]?.(...given), { message: / must be / }, call);
});

const failed = (call: string): unknown =>
  inChild(`const calls = await load('posix.js'); tell(attempt(() => { ${call} }))`);

t.test('an error has the hint that fits its call', { skip }, async (t) => {
  t.match(failed('calls.setuid(1235); calls.setgid(1234)'), {
    code: 'EPERM',
    hint: /^setgid needs CAP_SETGID/,
  });
  t.match(failed("calls.setuid(1235); calls.chroot('/')"), {
    code: 'EPERM',
    hint: /^chroot needs CAP_SYS_CHROOT/,
  });
  t.match(failed("calls.execv('ls', ['ls'])"), { code: 'ENOENT', hint: /^PATH is not searched/ });
  const lone = `${t.testdir({ lone: '#!/no/interpreter\n' })}/lone`;
  chmodSync(lone, 0o755);
  t.match(failed(`calls.execv(${JSON.stringify(lone)}, ['lone'])`), {
    code: 'ENOENT',
    hint: 'the file exists, but its loader or interpreter does not',
  });
  t.strictSame(Object.hasOwn(failed("calls.chroot('/no/jail')") as object, 'hint'), false);
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
