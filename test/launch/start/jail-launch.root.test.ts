import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

import t from 'tap';

import { openJail } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { fdsBecome, settledFds, text } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_139;
const user = `${uid}:${uid}`;
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';

// LANG, A and B of the program's environment
function variablesIn(stdout: string): readonly string[] {
  const { env } = JSON.parse(stdout) as { env: string[] };
  return env
    .map((entry) => Buffer.from(entry, 'hex').toString())
    .filter((entry) => /^(LANG|A|B)=/.test(entry))
    .toSorted();
}

t.test('a prepared launch is started again and again', { skip }, async (t) => {
  await using open = await openJail(jail, { user, env: { A: '1' } });
  const launch = open.prepare({ program: '/actor', args: ['out=prepared'] });
  const children = await Promise.all(Array.from({ length: 10 }, () => launch.spawn()));
  for (const child of children) t.equal(await text(child.stdout), 'prepared');
  const piped = await launch.spawn({ stdio: ['ignore', 'pipe', 'ignore'], args: ['out=own', 'exit=3'] });
  t.equal(piped.stdin, null);
  t.equal(await text(piped.stdout), 'own');
  t.match(await piped.exited, { exitCode: 3 });
  t.match(await launch.run(), { stdout: 'prepared', exitCode: 0 });
  const copy = open.prepare({ program: '/actor', args: ['cat'], encoding: 'buffer' });
  t.same((await copy.run({ input: 'one' })).stdout, Buffer.from('one'));
  t.same((await copy.run({ input: Buffer.from('two') })).stdout, Buffer.from('two'));
});

t.test('keys of run are checked beside a pseudo-terminal too', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  for (const wrong of [{ maxBufferBytes: -1 }, { encoding: 'utf-7' as 'utf8' }])
    t.throws(() => open.prepare({ program: '/actor', pty: true, ...wrong }), { name: 'UsageError' });
  t.ok(open.prepare({ program: '/actor', pty: true, maxBufferBytes: 1 }));
});

t.test('a Map or a promise is no request whose keys are all left out', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const map = new Map([['timeoutMs', 1]]) as object;
  await t.rejects(open.run(map), { name: 'UsageError', message: /not a Map$/ });
  t.throws(() => open.$(map), { name: 'UsageError' });
  t.throws(() => open.prepare(Promise.resolve() as object), {
    name: 'UsageError',
    message: /not a Promise$/,
  });
  class Request {
    program = '/actor';
    args = ['exit=0'];
  }
  t.match(await open.run(new Request()), { exitCode: 0 });
});

t.test('a start has timeout and signal of its own', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const launch = open.prepare({ program: '/actor', args: ['sleep=60000'], timeoutMs: 60_000 });
  const child = await launch.spawn({ stdio: 'ignore', timeoutMs: 2000 });
  t.match(await child.exited, { signal: 'SIGTERM', limit: 'time' });
  const stop = new AbortController();
  const other = await launch.spawn({ stdio: 'ignore', signal: stop.signal });
  stop.abort();
  t.match(await other.exited, { signal: 'SIGTERM' });
  await t.rejects(launch.spawn({ signal: stop.signal }), { name: 'AbortError' });
});

t.test('what the caller changes later counts for no start', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const request = { program: '/actor', args: ['out=first'], stdio: ['ignore', 'pipe', 'ignore'] as const };
  const launch = open.prepare(request);
  request.args[0] = 'out=second';
  (request.stdio as unknown as string[])[1] = 'ignore';
  t.equal(await text((await launch.spawn()).stdout), 'first');
});

t.test('each start gets the variables of this process as they are', { skip }, async (t) => {
  const before = process.env.LANG;
  t.teardown(() => (before === undefined ? delete process.env.LANG : (process.env.LANG = before)));
  process.env.LANG = 'C.UTF-8';
  await using open = await openJail(jail, { user, env: { A: '1' } });
  const launch = open.prepare({ program: '/probe', env: { B: '2' } });
  const names = async (own = {}) => variablesIn((await launch.run(own)).stdout);
  t.same(await names(), ['A=1', 'B=2', 'LANG=C.UTF-8']);
  t.same(await names(), ['A=1', 'B=2', 'LANG=C.UTF-8']);
  process.env.LANG = 'de_DE.UTF-8';
  t.same(await names(), ['A=1', 'B=2', 'LANG=de_DE.UTF-8']);
  t.same(await names({ env: { A: '3', LANG: undefined } }), ['A=3', 'B=2']);
  t.same(await names(), ['A=1', 'B=2', 'LANG=de_DE.UTF-8']);
});

t.test('a source of a bind that the user can replace by now is refused', { skip }, async (t) => {
  const source = join(makeJail(t), 'shared');
  mkdirSync(source);
  writeFileSync(`${source}/file`, 'data');
  await using open = await openJail(jail, { user, isolate: true });
  const launch = open.prepare({
    program: '/actor',
    view: [{ bind: source, to: '/tmp', readOnly: true }],
  });
  for (let i = 0; i < 2; i++) t.match(await launch.run(), { exitCode: 0 });
  const parent = join(source, '..');
  chownSync(parent, uid, uid);
  await t.rejects(launch.run(), { code: 'ERR_INSECURE_PATH' });
  chownSync(parent, 0, 0);
  t.match(await launch.run(), { exitCode: 0 });
});

t.test('a pid file is written by each start, if its directory is still safe', { skip }, async (t) => {
  const directory = makeJail(t);
  const pidFile = `${directory}/pid`;
  await using open = await openJail(jail, { user });
  const launch = open.prepare({ program: '/actor', pidFile });
  for (let i = 0; i < 2; i++) {
    const child = await launch.spawn({ stdio: 'ignore', args: ['cat'] });
    t.equal(readFileSync(pidFile, 'utf8').trim(), String(child.pid));
    await child.exited;
  }
  chmodSync(directory, 0o777);
  await t.rejects(launch.spawn(), { name: 'LaunchError' });
});

t.test('another user is looked up for each start', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const launch = open.prepare({ program: '/probe', user: 'nobody' });
  for (let i = 0; i < 2; i++) t.match(JSON.parse((await launch.run()).stdout), { uid: [65_534] });
  await t.rejects(open.prepare({ program: '/probe', user: 'no-such-user' }).run(), {
    code: 'ERR_UNKNOWN_USER',
  });
});

t.test('isolated starts share what the jail shares, and have limits of their own', { skip }, async (t) => {
  await using open = await openJail(jail, { user, isolate: true });
  const launch = open.prepare({ program: '/actor', args: ['out=isolated'] });
  for (let i = 0; i < 3; i++) t.match(await launch.run(), { stdout: 'isolated' });
  const results = await Promise.all(Array.from({ length: 8 }, () => launch.run()));
  t.ok(results.every(({ stdout }) => stdout === 'isolated'));
});

t.test('what is wrong is found when it is prepared, or in the call that gives it', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/actor' });
  t.throws(() => open.prepare({ umask: -1 }), { name: 'UsageError' });
  t.throws(() => open.prepare({ timeoutMs: -1 }), { name: 'UsageError' });
  t.throws(() => open.prepare({ maxBufferBytes: -1 }), { name: 'UsageError' });
  for (const ends of [{ isolate: true }, { pids: 9 }])
    t.throws(() => open.prepare({ ...ends, leaveDescendants: true }), {
      name: 'UsageError',
      message: /^leaveDescendants and /,
    });
  t.throws(() => open.prepare({ jail: '/srv' } as never), {
    name: 'UsageError',
    message: /jail is given twice/,
  });
  const launch = open.prepare({ env: { A: '1' } });
  await t.rejects(launch.spawn({ cwd: '/' } as never), { name: 'UsageError', message: /unknown key 'cwd'/ });
  await t.rejects(launch.spawn({ input: 'x' } as never), { name: 'UsageError' });
  await t.rejects(launch.spawn({ args: [1] as never }), { name: 'UsageError', message: /args\[0\]/ });
  await t.rejects(launch.run({ env: ['A=1'] as never }), { name: 'UsageError', message: /env must be/ });
});

t.test('it starts nothing in a closed jail, and leaves nothing open', { skip }, async (t) => {
  const before = await settledFds();
  const open = await openJail(jail, { user, program: '/actor', isolate: true });
  const launch = open.prepare({ env: { A: '1' } });
  await launch.run();
  open.close();
  await t.rejects(launch.run(), { name: 'UsageError', message: /the jail has been closed/ });
  t.ok(await fdsBecome(before));
});

t.test('a start with variables of its own gets the others as they were prepared', { skip }, async (t) => {
  t.teardown(() => delete process.env.A);
  process.env.A = '1';
  await using open = await openJail(jail, { user });
  const launch = open.prepare({ program: '/probe', env: process.env });
  process.env.A = '2';
  for (const own of [{}, { env: { B: '2' } }])
    t.ok(variablesIn((await launch.run(own)).stdout).includes('A=1'));
});

t.test('an input that can be read once is given to a start', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/actor', args: ['cat'] });
  const once = (function* (): Generator<string> {
    yield 'x';
  })();
  const lines = createInterface({ input: Readable.from(['x']) });
  for (const input of [Readable.from(['x']), once, new Blob(['x']).stream(), lines])
    t.throws(() => open.prepare({ input }), { name: 'UsageError', message: /^input can be read once/ });
  const launch = open.prepare({ input: ['a', 'b'] });
  for (let i = 0; i < 2; i++) t.equal((await launch.run()).stdout, 'ab');
  const stream = Readable.from(['x'], { objectMode: false });
  t.equal((await launch.run({ input: stream })).stdout, 'x');
  await t.rejects(launch.run({ input: stream }), { name: 'UsageError', message: /read to its end/ });
  const parts = [Buffer.from('x')];
  const running = launch.run({ input: parts });
  parts[0]?.fill('y');
  t.equal((await running).stdout, 'x', 'a copy');
  const getter = {
    get input(): string {
      throw new Error('no');
    },
  };
  await t.rejects(launch.run(getter), { name: 'UsageError' });
});
