import { readdirSync } from 'node:fs';

import t from 'tap';

import { planLaunch, resolveAccount, type LaunchRequest } from '../../../lib/index.ts';

t.test('resolveAccount tells who a request would run as, and needs no root', async (t) => {
  t.match(await resolveAccount({ user: 'root' }), {
    uid: 0,
    gid: 0,
    name: 'root',
    groups: Array,
    home: String,
    shell: String,
  });
  t.match(await resolveAccount({ user: 61_111, group: 61_112 }), {
    uid: 61_111,
    gid: 61_112,
    groups: [],
    name: undefined,
    home: '/',
  });
  t.match(await resolveAccount({ user: '+61111:+61112', groups: [9, 7, 9] }), { groups: [7, 9] });
  t.match(await resolveAccount({ user: 'root', clearGroups: true }), { groups: [] });
  t.ok(Object.isFrozen(await resolveAccount({ user: 'root' })));
});

t.test('resolveAccount refuses what the host does not know', async (t) => {
  await t.rejects(resolveAccount({ user: 'no-such-user' }), {
    name: 'LaunchError',
    step: 'account',
    code: 'ERR_UNKNOWN_USER',
    message: 'Unknown user no-such-user',
    exitStatus: 2,
  });
  await t.rejects(resolveAccount({ user: 'root', group: 'no-such-group' }), {
    code: 'ERR_UNKNOWN_GROUP',
    exitStatus: 125,
  });
  await t.rejects(resolveAccount({ user: 61_111 }), { code: 'ERR_UNKNOWN_USER', hint: /its group as well/ });
  for (const user of ['', ' 0', '00', '-0', '4294967296', '0x0', 'root ', 'root\n']) {
    await t.rejects(resolveAccount({ user }), { code: 'ERR_UNKNOWN_USER' }, JSON.stringify(user));
  }
  await t.rejects(resolveAccount({ user: 'a\0b' }), { name: 'UsageError' });
  await t.rejects(resolveAccount({ usr: 'x' } as unknown as LaunchRequest), {
    name: 'UsageError',
    hint: "did you mean 'user'?",
  });
});

t.test('planLaunch tells the steps, the warnings and the problem, and starts nothing', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const planned = await planLaunch({
    user: '61111:61111',
    jail: '/',
    insecurePath: true,
    program: '/no/such/program',
  });
  t.match(planned.account, { uid: 61_111, gid: 61_111, groups: [] });
  const ops = planned.steps.map((step) => step.op);
  t.equal(ops.at(-1), 'execve');
  for (const [first, second] of [
    ['fchdir', 'chroot'],
    ['chroot', 'setgroups'],
    ['setgroups', 'setresgid'],
    ['setresgid', 'setresuid'],
    ['setresuid', 'verify_uid'],
  ] as const) {
    t.ok(ops.indexOf(first) < ops.indexOf(second), `${first} comes before ${second}`);
  }
  t.match(planned.warnings, [{ path: '/', message: /would not be locked in/ }]);
  t.match(planned.problem, {
    name: 'LaunchError',
    step: 'execve',
    code: 'ENOENT',
    place: ops.length,
    exitStatus: 127,
  });
  t.equal(readdirSync('/proc/self/fd').length, before, 'the jail is closed again');
});

t.test('planLaunch finds no problem with a program that would start', async (t) => {
  const planned = await planLaunch({
    user: '61111:61111',
    jail: '/',
    insecurePath: true,
    program: process.execPath,
  });
  t.equal(planned.problem, undefined);
});

t.test('planLaunch rejects for account and directory as a launch does', async (t) => {
  await t.rejects(planLaunch({ user: 'no-such-user', jail: '/' }), { code: 'ERR_UNKNOWN_USER' });
  await t.rejects(planLaunch({ user: '0:0', jail: '/' }), { code: 'ERR_ROOT_TARGET' });
  await t.rejects(planLaunch({ user: '61111:61111', jail: '/no/such/jail' }), {
    name: 'LaunchError',
    code: 'ENOENT',
  });
  await t.rejects(planLaunch({ user: '61111:61111', jail: 'relative' }), { name: 'UsageError' });
});
