import { chmodSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { openJail, UsageError, type JailRunRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { settledFds, text } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_109;
const user = `${uid}:${uid}`;
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';

async function idsOf(open: Awaited<ReturnType<typeof openJail>>, request: JailRunRequest): Promise<unknown> {
  const { stdout } = await open.run({ program: '/probe', args: [], ...request });
  const { uid, gid, groups } = JSON.parse(String(stdout)) as {
    uid: number[];
    gid: number[];
    groups: number[];
  };
  return [uid[0], gid[0], groups];
}

t.test('a jail is opened once and runs many programs, with its defaults', { skip }, async (t) => {
  await using open = await openJail(jail, {
    user,
    program: '/actor',
    args: ['out=by default'],
    env: { A: '1' },
  });
  t.equal(open.directory, jail);
  t.strictSame(open.warnings, []);
  const results = await Promise.all(Array.from({ length: 10 }, () => open.run()));
  t.strictSame(
    results.map((result) => result.stdout),
    Array.from({ length: 10 }, () => 'by default'),
  );
  t.equal((await open.run({ args: ['out=asked for'] })).stdout, 'asked for');
  const child = await open.spawn({ args: ['out=spawned', 'exit=2'] });
  t.equal(await text(child.stdout), 'spawned');
  t.match(await child.exited, { exitCode: 2 });
});

t.test('env adds to the defaults, other keys replace them', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/probe', env: { A: '1', B: '2' } });
  const { stdout } = await open.run({ env: { B: '3', C: '4', LANG: undefined, TZ: undefined } });
  const { env } = JSON.parse(stdout) as { env: string[] };
  const entries = new Set(env.map((entry) => Buffer.from(entry, 'hex').toString()));
  for (const entry of ['A=1', 'B=3', 'C=4']) t.ok(entries.has(entry), entry);
  t.notOk(entries.has('B=2'));
});

t.test('another user than the default one is looked up, and judged, for that launch', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  t.strictSame(await idsOf(open, {}), [uid, uid, []]);
  t.strictSame(await idsOf(open, { user: 'nobody' }), [65_534, 65_534, [65_534]]);
  t.strictSame(await idsOf(open, { groups: [61_999] }), [uid, uid, [61_999]]);
  await t.rejects(open.run({ user: 'no-such-user' }), { code: 'ERR_UNKNOWN_USER' });
  await t.rejects(open.run({ user: '0:0' }), { code: 'ERR_ROOT_TARGET' });
  await t.rejects(open.run({ user: 'nobody', groups: [0] }), { code: 'ERR_ROOT_TARGET' });
});

t.test('without a default user each launch names one', { skip }, async (t) => {
  await using open = await openJail(jail);
  await t.rejects(open.run({ program: '/actor' }), { name: 'UsageError', message: /user is missing/ });
  t.match(await open.run({ user, program: '/actor' }), { exitCode: 0 });
});

t.test(
  'a directory that the user could replace is refused, for the defaults and for a launch',
  { skip },
  async (t) => {
    const open = join(makeJail(t), 'tmp/jail');
    mkdirSync(open);
    chmodSync(open, 0o777);
    await t.rejects(openJail(open, { user }), { name: 'LaunchError', hint: String });
    await using later = await openJail(open);
    await t.rejects(later.run({ user, program: '/actor' }), { name: 'LaunchError' });
    await using accepted = await openJail(open, { user, insecurePath: true });
    t.ok(accepted.warnings.length > 0);
  },
);

t.test('it is the directory that was opened, whatever lies at its path later', { skip }, async (t) => {
  const parent = makeJail(t);
  const [path, moved, other] = ['jail', 'moved', 'other'].map((name) => join(parent, name)) as [
    string,
    string,
    string,
  ];
  renameSync(makeJail(t, 'actor'), path);
  renameSync(makeJail(t, 'probe'), other);
  await using open = await openJail(path, { user, program: '/actor', args: ['out=the one opened'] });
  renameSync(path, moved);
  symlinkSync(other, path);
  t.equal((await open.run()).stdout, 'the one opened');
  await t.rejects(
    open.run({ program: '/probe' }),
    { code: 'ENOENT', path: '/probe' },
    'failures are looked into there too',
  );
});

t.test('a closed jail starts nothing, and what runs in it goes on', { skip }, async (t) => {
  const before = await settledFds();
  const open = await openJail(jail, { user, program: '/actor' });
  const child = await open.spawn({ args: ['cat', 'exit=6'] });
  open.close();
  open.close();
  await t.rejects(open.run(), { name: 'UsageError', message: /closed/ });
  await t.rejects(open.spawn(), UsageError);
  child.stdin?.end();
  child.stdout?.resume();
  t.match(await child.exited, { exitCode: 6 });
  t.equal(await settledFds(), before);
});

t.test('unknown keys, and keys that belong to openJail, are refused', { skip }, async (t) => {
  await t.rejects(openJail(jail, { usr: 'x' } as JailRunRequest), {
    name: 'UsageError',
    hint: "did you mean 'user'?",
  });
  await t.rejects(openJail('relative', { user }), UsageError);
  await t.rejects(openJail(join(jail, 'absent'), { user }), { name: 'LaunchError', code: 'ENOENT' });
  await using open = await openJail(jail, { user, program: '/actor' });
  await t.rejects(open.run({ progam: '/x' } as JailRunRequest), {
    name: 'UsageError',
    hint: "did you mean 'program'?",
  });
});
