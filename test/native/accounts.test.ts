import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import posix from 'posix';
import t from 'tap';

import { native } from '../../lib/native.ts';
import { inChild } from '../support/child.ts';
import { compiled } from '../support/programs.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

function fieldOf(file: string, field: number): readonly string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^[^#+-].*:/.test(line))
    .map((line) => line.split(':')[field] ?? '');
}

const users = fieldOf('/etc/passwd', 0);
const groups = fieldOf('/etc/group', 0);

const unknown = {
  'a name that nobody has': 'no-such-name-here',
  'an empty name': '',
  'a name of digits': '4294967294',
  'a newline': 'root\n',
  'a line of passwd(5)': 'root:x:0:0',
  'a space before': ' root',
  capitals: 'ROOT',
  'a very long name': 'x'.repeat(1 << 20),
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe]),
};

t.test('getpwnam agrees with posix on every user of the host', async (t) => {
  for (const user of users) t.same(native.getpwnam(user), posix.getpwnam(user), user);
});

t.test('getpwuid agrees with posix on every uid of the host', async (t) => {
  for (const uid of fieldOf('/etc/passwd', 2).map(Number)) t.same(native.getpwuid(uid), posix.getpwnam(uid));
});

t.test('getgrnam agrees with posix on every group of the host', async (t) => {
  for (const group of groups) t.same(native.getgrnam(group), posix.getgrnam(group), group);
});

t.test('getgrgid agrees with posix on every gid of the host', async (t) => {
  for (const gid of fieldOf('/etc/group', 2).map(Number)) t.same(native.getgrgid(gid), posix.getgrnam(gid));
});

t.test('getgrouplist agrees with id on every user of the host', async (t) => {
  for (const user of users) {
    const gids = native.getgrouplist(user, posix.getpwnam(user).gid);
    const wanted = execFileSync('id', ['-G', user], { encoding: 'utf8' }).trim().split(' ').map(Number);
    t.same(new Set(gids), new Set(wanted), user);
  }
});

t.test('getgrouplist of an unknown user is the group that was given', async (t) => {
  t.same(native.getgrouplist('no-such-name-here', 12345), [12345]);
});

t.test('a database that does not answer for the groups of a user is told', async (t) => {
  // without an answer, getgrouplist of musl returns -1 and leaves the count as it is
  const preload = [sanitizerEnv.LD_PRELOAD ?? '', compiled('no-groups')].join(' ').trim();
  const seen = inChild(
    `const { passwd, groups } = native.readHostSync({ user: 'root', groupNames: [], rootless: false });
    tell([attempt(() => native.getgrouplist('root', 0)), passwd, groups]);`,
    ['env', `LD_PRELOAD=${preload}`],
  );
  t.match(seen, [{ code: 'EIO', syscall: 'getgrouplist' }, 5, []]);
});

t.test('bytes do as well as a string', async (t) => {
  t.same(native.getpwnam(Buffer.from('root')), native.getpwnam('root'));
  t.same(native.getgrnam(Buffer.from('xrootx').subarray(1, 5)), native.getgrnam('root'));
});

for (const [what, name] of Object.entries(unknown)) {
  t.test(`${what}: null, for a user as for a group`, async (t) => {
    t.equal(native.getpwnam(name), null);
    t.equal(native.getgrnam(name), null);
  });
}

t.test('an id that nobody has is null', async (t) => {
  t.equal(native.getpwuid(4294967294), null);
  t.equal(native.getgrgid(4294967294), null);
});

t.test('a name with a NUL byte is refused, not cut at it', async (t) => {
  const message = /must not contain a NUL byte/;
  for (const name of ['root\0', '\0', Buffer.from('root\0x')]) {
    t.throws(() => native.getpwnam(name), { name: 'TypeError', message });
    t.throws(() => native.getgrnam(name), { name: 'TypeError', message });
    t.throws(() => native.getgrouplist(name, 0), { name: 'TypeError', message });
  }
});

t.test('what is no string is a TypeError', async (t) => {
  for (const value of [undefined, null, 0, true, ['root'], {}, new Uint16Array(2)]) {
    const name = value as string;
    t.throws(() => native.getpwnam(name), { name: 'TypeError' });
    t.throws(() => native.getgrnam(name), { name: 'TypeError' });
    t.throws(() => native.getgrouplist(name, 0), { name: 'TypeError' });
  }
});

t.test('what is no id is a RangeError, and never taken for another', async (t) => {
  for (const value of [-1, 0.5, 2 ** 32, NaN, Infinity, '0', undefined, null, 0n]) {
    const id = value as unknown as number;
    t.throws(() => native.getpwuid(id), { name: 'RangeError' });
    t.throws(() => native.getgrgid(id), { name: 'RangeError' });
    t.throws(() => native.getgrouplist('root', id), { name: 'RangeError' });
  }
});
