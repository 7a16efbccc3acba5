import { chmodSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { openJail, UsageError, type JailRunRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { patientMs } from '../../support/patience.ts';
import { fdsBecome, settledFds, text } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_109;
const user = `${uid}:${uid}`;
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';

async function idsOf(open: Awaited<ReturnType<typeof openJail>>, request: JailRunRequest): Promise<unknown> {
  const { stdout } = await open.run({ program: '/probe', args: [], ...request });
  const { uid, gid, groups } = JSON.parse(stdout) as {
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

t.test('a key that is undefined leaves the default as it is', { skip }, async (t) => {
  const defaults = { user, program: '/probe', isolate: true, allowRoot: false, timeoutMs: 60_000 };
  await using open = await openJail(jail, defaults);
  const none = Object.fromEntries(Object.keys(defaults).map((key) => [key, undefined])) as JailRunRequest;
  const { stdout } = await open.run(none);
  t.equal((JSON.parse(stdout) as { ppid: number }).ppid, 1, 'isolated');
  const printing = { user, program: '/actor', args: ['out=x'], encoding: 'buffer' } as const;
  await using bytes = await openJail(jail, { ...printing, stdio: ['ignore', 'pipe', 'ignore'] });
  t.equal((await bytes.run({ encoding: undefined, lines: undefined })).stdout.toString('hex'), '78');
  const child = await bytes.spawn({ stdio: undefined });
  t.equal(child.stdin, null);
  t.equal(await text(child.stdout), 'x');
  await using short = await openJail(jail, {
    user,
    program: '/actor',
    args: ['sleep=60000'],
    timeoutMs: patientMs(300),
  });
  await t.rejects(short.run({ timeoutMs: undefined }), { code: 'ETIMEDOUT' });
  t.match(await (await short.prepare({ args: undefined }).spawn({ stdio: 'ignore' })).exited, {
    limit: 'time',
  });
});

t.test('keys that a request inherits count in every function that starts a program', { skip }, async (t) => {
  const base = { program: '/actor', args: ['out=inherited'] };
  const request = Object.create(base) as JailRunRequest;
  await using open = await openJail(jail, { user, program: '/actor', args: ['out=default'] });
  t.equal((await open.run(request)).stdout, 'inherited');
  t.equal(await text((await open.spawn(request)).stdout), 'inherited');
  t.equal((await open.prepare(request).run()).stdout, 'inherited');
  const own = Object.assign(Object.create(base) as JailRunRequest, { args: ['out=own'] });
  t.equal((await open.run(own)).stdout, 'own');
  await t.rejects(open.run(Object.create({ programme: '/actor' }) as JailRunRequest), UsageError);
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
  t.ok(await fdsBecome(before));
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

t.test('a template runs its words without a shell, and resolves with the result', { skip }, async (t) => {
  await using open = await openJail(jail, { user, lines: true });
  const { $ } = open;
  const odd = "a b'$(id)\n*";
  t.match(await $`/actor ${`out=${odd}`}`, { stdout: odd.split('\n'), exitCode: 0 });
  const text = await $({ lines: false })`/actor out=a ${['out=b', 'out=c']}`;
  t.equal(text.stdout, 'abc');
  const failed = $({ reject: false })({ encoding: 'latin1' })`/actor exit=3`;
  t.match(await failed, { exitCode: 3, stdout: [] });
  await t.rejects($`/actor exit=3`, { name: 'ExitError', exitCode: 3, stdout: [] });
});

t.test('a template looks its program up in the PATH that it gets, in the jail', { skip }, async (t) => {
  const place = makeJail(t, 'actor', 'probe');
  mkdirSync(join(place, 'own'));
  renameSync(join(place, 'actor'), join(place, 'own/actor'));
  await using open = await openJail(place, { user, env: { PATH: '/none:/own' }, program: '/probe' });
  t.equal((await open.$`actor out=x`).stdout, 'x');
  t.equal((await open.$({ env: { PATH: '/own' } })`actor out=x`).stdout, 'x');
  const said = await open.$({ cwd: '/own', env: { PATH: '' } })`actor out=x`;
  t.equal(said.stdout, 'x', 'an empty element is the working directory');
  // a program of the working directory is not started in place of one in PATH
  await t.rejects(open.$({ cwd: '/own', env: { PATH: '/none' } })`actor`, {
    name: 'LaunchError',
    code: 'ENOENT',
    step: 'execve',
    message: /^actor: not found in the jail$/,
    hint: /^uchroot-jail build \S+ actor$/,
  });
  chmodSync(join(place, 'own/actor'), 0o644);
  await t.rejects(open.$`actor`, { code: 'EACCES', exitStatus: 126 });
});

t.test('a template finds a program in a directory that the launch binds', { skip }, async (t) => {
  const [place, other] = [makeJail(t, 'probe'), makeJail(t, 'actor')];
  mkdirSync(join(place, 'own'));
  await using open = await openJail(place, { user, isolate: true, view: [{ bind: other, to: '/own' }] });
  t.equal((await open.$({ env: { PATH: '/own' } })`actor out=x`).stdout, 'x');
  await t.rejects(open.$({ env: { PATH: '/own' } })`other`, { code: 'ENOENT' });
});

t.test('the keys of a template are those of run, without the command', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const loose = open.$ as unknown as (given: unknown) => unknown;
  t.throws(() => loose({ program: '/actor' }), { name: 'UsageError', message: /program is given to \$/ });
  t.throws(() => loose('ls'), { name: 'UsageError', hint: /without brackets/ });
  await t.rejects(open.$``, { name: 'UsageError', message: 'the command is empty' });
  await t.rejects(open.$`/actor ${undefined as unknown as string}`, { name: 'UsageError' });
  await t.rejects(open.$({ timeout: 5 } as object)`/actor`, {
    name: 'UsageError',
    hint: "did you mean 'timeoutMs'?",
  });
  open.close();
  await t.rejects(open.$`/actor`, { message: 'the jail has been closed' });
});

t.test('lines are arrays without line ends, in results and in errors', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/actor' });
  const run = (out: string, more: JailRunRequest<'utf8' | 'buffer'> = {}) =>
    open.run({ args: [`out=${out}`], lines: true, ...more });
  t.match(await run('a\n\nb\r\n', { all: true }), { stdout: ['a', '', 'b'], all: ['a', '', 'b'] });
  t.same((await run('a\nb')).stdout, ['a', 'b']);
  t.same((await run('\n')).stdout, ['']);
  t.same((await open.run({ args: ['exit=0'], lines: true })).stdout, []);
  t.same((await open.run({ args: ['out=\xe4\n'], lines: true, encoding: 'latin1' })).stdout, ['\xc3\xa4']);
  await t.rejects(open.run({ args: ['out=x', 'exit=2'], lines: true }), {
    name: 'ExitError',
    stdout: ['x'],
    stderr: [],
  });
  await t.rejects(run('x', { encoding: 'buffer' }), { name: 'UsageError', message: /lines are text/ });
});

t.test('keys of a template are copied, and variables are merged', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const env = { ONE: '1' };
  const input = Buffer.from('first');
  const template = open.$({ env, input })({ env: { TWO: '2' } });
  env.ONE = 'changed';
  input.fill('x');
  t.equal((await template`/actor cat`).stdout, 'first');
  const entries = (JSON.parse((await template`/probe brief`).stdout) as { env: string[] }).env;
  const variables = new Set(entries.map((entry) => Buffer.from(entry, 'hex').toString()));
  t.ok(variables.has('ONE=1') && variables.has('TWO=2'));
  const getter = {
    get env(): never {
      throw new Error('no');
    },
  };
  t.throws(() => open.$(getter), { name: 'UsageError' });
});

t.test('root starts nothing without root, also in a jail that is open', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  await t.rejects(open.run({ program: '/actor', rootless: true }), { code: 'ERR_ROOT' });
});
