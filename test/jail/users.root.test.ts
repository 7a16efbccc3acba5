import { existsSync, readFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { withAccounts } from '../support/accounts.ts';
import { uchrootJail } from '../support/builder.ts';
import { uchroot } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const withOthers = { skip: unlessRoot('unshare', 'mount', 'id') };
const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

t.test(
  'a jail knows root, the users that it is for with their groups, and nobody else',
  withOthers,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    const words = ['build', jail, 'id', '--user', 'sam', '--user', 'nobody', '--user', 'sam'];
    t.match(uchrootJail(words, { by: withAccounts() }), { status: 0, stderr: '' });
    t.same(linesOf(`${jail}/etc/passwd`), [
      'root:x:0:0:root:/:/usr/sbin/nologin',
      'sam:x:1001:1001:Sam:/home/sam:/bin/sh',
      'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
    ]);
    t.same(linesOf(`${jail}/etc/group`).toSorted(), [
      'audio:x:29:sam',
      'nogroup:x:65534:',
      'root:x:0:',
      'sam:x:1001:',
      'video:x:44:sam',
    ]);
  },
);

t.test('a program in the jail knows the names of its user and his groups', withOthers, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  uchrootJail(['build', jail, 'id', '--user', 'sam'], { by: withAccounts() });
  const id = (user: string, ...options: string[]) =>
    uchroot([user, jail, '/usr/bin/id', ...options], { by: withAccounts() });
  t.match(id('sam', '-un'), { status: 0, stdout: 'sam\n' });
  t.match(id('sam', '-Gn'), { status: 0, stdout: 'sam audio video\n' });
  t.match(id('lonely', '-un'), { status: 1, stderr: /cannot find name for user ID 1002/ });
});

t.test('users can be added, and those before stay', withOthers, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  uchrootJail(['build', jail, 'id', '--user', 'sam'], { by: withAccounts() });
  t.match(uchrootJail(['build', jail, '--user', 'wheel'], { by: withAccounts() }), { status: 0, stderr: '' });
  t.same(
    linesOf(`${jail}/etc/passwd`).map((line) => line.split(':')[0]),
    ['root', 'sam', 'wheel'],
  );
  t.ok(linesOf(`${jail}/etc/group`).includes('video:x:44:sam,wheel'));
  t.ok(linesOf(`${jail}/etc/group`).includes('root:x:0:wheel'));
});

t.test('a user that the host does not know is told, and so is one who is root', withOthers, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  const build = (user: string) => uchrootJail(['build', jail, 'id', '--user', user], { by: withAccounts() });
  t.match(build('no-such-user'), {
    status: 2,
    stderr: /^uchroot-jail: Unknown user no-such-user\nhint: .*getent passwd.*\n$/,
  });
  t.match(build('admin'), { status: 1, stderr: /^uchroot-jail: user admin is uid 0.*\nhint: .*\n$/ });
  t.match(build('root'), { status: 1, stderr: /^uchroot-jail: user root is uid 0/ });
  t.match(build('1001'), { status: 2, stderr: /Unknown user 1001/ });
  t.notOk(existsSync(jail));
});

t.test('a jail for nobody in particular knows root alone', asRoot, async (t) => {
  const jail = `${makeDirectory(t)}/jail`;
  await buildJail({ directory: jail, programs: ['bash'] });
  t.same(linesOf(`${jail}/etc/passwd`), ['root:x:0:0:root:/:/usr/sbin/nologin']);
  t.same(linesOf(`${jail}/etc/group`), ['root:x:0:']);
});
