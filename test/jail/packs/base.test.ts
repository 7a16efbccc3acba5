import t from 'tap';

import { memoryRoot } from '../../support/binary/image.ts';
import { base } from '../../../lib/jail/packs/base.ts';
import type { JailUser } from '../../../lib/jail/packs/pack.ts';
import { makeProgram, planOf, writtenIn } from '../../support/jail/jail.ts';

const user = (change: Partial<JailUser>): JailUser => ({
  name: 'sam',
  uid: 1000,
  gid: 100,
  gecos: 'Sâm',
  home: '/home/sam',
  shell: '/bin/bash',
  groups: [
    { name: 'users', gid: 100 },
    { name: 'audio', gid: 29 },
  ],
  ...change,
});
const planFor = (...accounts: readonly JailUser[]) =>
  planOf({ '/bin/p': makeProgram() }, ['/bin/p'], {}, accounts);

t.test('the accounts are root and the users of the jail, and nobody else', async (t) => {
  const plan = planFor(user({}), user({ name: 'eve', uid: 1001, home: '/home/eve' }));
  const text = (path: string) => Buffer.from(writtenIn(plan, path) ?? '', 'latin1').toString();
  t.same(text('/etc/passwd').split('\n'), [
    'root:x:0:0:root:/:/usr/sbin/nologin',
    'sam:x:1000:100:Sâm:/home/sam:/bin/bash',
    'eve:x:1001:100:Sâm:/home/eve:/bin/bash',
    '',
  ]);
  t.same(text('/etc/group').split('\n'), ['root:x:0:', 'users:x:100:', 'audio:x:29:sam,eve', '']);
});

t.test('a home is made where nothing but homes are, or where it is his own on the host', async (t) => {
  const homes = (home: string, uid: number) => {
    const root = memoryRoot({ '/var/lib/own/x': '', '/var/www/x': '' });
    const lstat: typeof root.lstat = (path) => {
      const status = root.lstat(path);
      return status && path === '/var/lib/own' ? { ...status, uid: 1000 } : status;
    };
    const host = { root: { ...root, lstat }, users: [user({ home, uid })] };
    const parts = typeof base.parts === 'function' ? base.parts(host as never) : [];
    return parts.filter((part) => 'uid' in part);
  };
  t.match(homes('/home/sam', 1000), [{ directory: '/home/sam', mode: 0o700, uid: 1000, gid: 100 }]);
  t.match(homes('/var/lib/own', 1000), [{ directory: '/var/lib/own', uid: 1000 }]);
  t.same(homes('/var/lib/own', 33), [], 'of somebody else');
  for (const home of [
    '/var/www',
    '/nonexistent',
    '/',
    '/home',
    '/tmp',
    '/run/sshd',
    '/dev/shm',
    'relative',
    '',
  ])
    t.same(homes(home, 1000), [], home);
});

t.test('/tmp is for all, and devices have the numbers of the kernel', async (t) => {
  const { entries } = planFor();
  t.match(
    entries.find(({ path }) => path === '/tmp'),
    { kind: 'directory', mode: 0o1777 },
  );
  t.match(
    entries.find(({ path }) => path === '/dev/null'),
    { kind: 'device', major: 1, minor: 3, mode: 0o020666 },
  );
  t.match(
    entries.find(({ path }) => path === '/dev/fd'),
    { kind: 'link', target: '/proc/self/fd' },
  );
});
