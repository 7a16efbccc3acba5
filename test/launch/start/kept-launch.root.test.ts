// A launch starts from what the last one read of the host: it must notice each change of the host.
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import posix from 'posix';
import t from 'tap';

import { runInJail, type RunRequest, type RunResult } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { fdsBecome, settledFds } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_120;
const [first, second] = skip === false ? [makeJail(t, 'actor'), makeJail(t, 'actor')] : ['', ''];

function run(more: Partial<RunRequest> = {}): Promise<RunResult> {
  return runInJail({ user: `${uid}:${uid}`, jail: first, program: '/actor', args: ['out=here'], ...more });
}

t.test('a directory on the way that the user could write by now is refused', { skip }, async (t) => {
  t.match(await run(), { stdout: 'here' });
  chmodSync(first, 0o777);
  await t.rejects(run(), { code: 'ERR_INSECURE_PATH' });
  await t.rejects(run(), { code: 'ERR_INSECURE_PATH' }, 'the refusal is not forgotten');
  t.match(await run({ insecurePath: true }), { stdout: 'here' });
  await t.rejects(run(), { code: 'ERR_INSECURE_PATH' }, 'nor is it lifted by who accepts the risk');
  chmodSync(first, 0o755);
  t.match(await run(), { stdout: 'here' });
  chownSync(first, uid, uid);
  await t.rejects(run(), { code: 'ERR_INSECURE_PATH' });
  chownSync(first, 0, 0);
  t.match(await run(), { stdout: 'here' });
});

t.test('a link that leads elsewhere is followed there', { skip }, async (t) => {
  const link = `${first}.link`;
  t.teardown(() => rmSync(link, { force: true }));
  const cwd = '/only-here';
  mkdirSync(join(second, cwd));
  symlinkSync(first, link);
  await t.rejects(run({ jail: link, cwd }), { step: 'chdir', code: 'ENOENT' });
  t.match(await run({ jail: link }), { stdout: 'here' });
  unlinkSync(link);
  symlinkSync(second, link);
  t.match(await run({ jail: link, cwd }), { stdout: 'here' });
});

t.test(
  'a directory that has been replaced is the new one, and one that is gone is missed',
  { skip },
  async (t) => {
    const cwd = '/only-here';
    const jail = `${first}.moved`;
    renameSync(first, jail);
    t.match(await run({ jail }), { stdout: 'here' });
    renameSync(jail, first);
    renameSync(second, jail);
    t.match(await run({ jail, cwd }), { stdout: 'here' });
    renameSync(jail, second);
    await t.rejects(run({ jail }), { step: 'jail', code: 'ENOENT' });
    t.match(await run(), { stdout: 'here' });
  },
);

t.test('uid, name and group are not taken for one another', { skip }, async (t) => {
  // A user name with the same digits as a uid.
  t.match(await run({ user: uid, group: uid }), { stdout: 'here' });
  await t.rejects(run({ user: uid }), { code: 'ERR_UNKNOWN_USER' }, 'it has no group');
  await t.rejects(run({ user: '0:0' }), { code: 'ERR_ROOT_TARGET' });
  t.match(await run({ user: '0:0', allowRoot: true }), { stdout: 'here' });
  await t.rejects(run({ user: '0:0' }), { code: 'ERR_ROOT_TARGET' });
});

t.test('a failure is looked into, and leaves nothing open', { skip }, async (t) => {
  await run();
  const fds = await settledFds();
  for (let i = 0; i < 3; i++) {
    await t.rejects(run({ program: '/nothing' }), { step: 'execve', code: 'ENOENT', path: '/nothing' });
    const error: unknown = await run({ cwd: '/nowhere' }).catch((reason: unknown) => reason);
    t.match(error, { step: 'chdir', hint: `mkdir -p ${first}/nowhere` });
  }
  await run();
  t.ok(await fdsBecome(fds));
});

t.test('a service that is not root any more launches nothing, and again when it is', { skip }, async (t) => {
  t.match(await run(), { stdout: 'here' });
  // Debian's node refuses seteuid in its own process.
  posix.seteuid(uid);
  try {
    await t.rejects(run(), { code: 'ERR_NOT_ROOT', exitStatus: 3 });
  } finally {
    posix.seteuid(0);
  }
  t.match(await run(), { stdout: 'here' });
});
