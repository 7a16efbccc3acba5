// A launch does not depend on what the caller does later with the objects of its request, or on what happens when they are read.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import {
  buildJail,
  checkJail,
  execInJail,
  openJail,
  planLaunch,
  resolveAccount,
  runInJail,
  spawnInJail,
  type RunRequest,
} from '../support/public-api.ts';
import { hostsAccess, openHosts } from '../../lib/tcpwrappers/index.ts';
import { makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot();
const user = '61124:61124';
const [first, second] = skip === false ? [makeJail(t, 'actor', 'probe'), makeJail(t, 'actor')] : ['', ''];
const base: RunRequest = { user, jail: first, program: '/actor', args: ['out=here'] };

/** The entries of the program's environment, each `NAME=value`. */
async function environmentOf(run: (program: string) => Promise<{ stdout: unknown }>): Promise<string[]> {
  const { env } = JSON.parse(String((await run('/probe')).stdout)) as { env: string[] };
  return env.map((entry) => Buffer.from(entry, 'hex').toString());
}

t.test('a buffer that is used again after the call changes no launch', { skip }, async (t) => {
  const bytes = {
    jail: Buffer.from(first),
    program: Buffer.from('/actor'),
    argv0: Buffer.from('actor'),
    argument: Buffer.from('out=here'),
    cwd: Buffer.from('/tmp'),
    input: Buffer.from('input'),
  };
  const env = Buffer.from('value');
  const { argument, ...rest } = bytes;
  const running = runInJail({ user, ...rest, args: [argument, 'cat'], env: { A: env } });
  for (const one of [...Object.values(bytes), env]) one.fill('!');
  t.match(await running, { exitCode: 0, stdout: 'hereinput' });
  const variable = Buffer.from('value');
  const set = runInJail({ ...base, program: '/probe', args: [], env: { A: variable } });
  variable.fill('!');
  t.ok((await environmentOf(() => set)).includes('A=value'));
});

t.test('a buffer that named one jail and then another does not mix them up', { skip }, async (t) => {
  mkdirSync(join(second, 'only-here'));
  const jail = Buffer.from(first);
  const cwd = '/only-here';
  const running = runInJail({ ...base, jail });
  jail.write(second);
  t.match(await running, { stdout: 'here' });
  t.match(await runInJail({ ...base, jail: second, cwd }), { stdout: 'here' }, 'this one is the second');
  await t.rejects(
    runInJail({ ...base, jail: first, cwd }),
    { step: 'chdir', code: 'ENOENT' },
    'and this one the first',
  );
});

t.test('arrays and objects that are changed after the call change no launch', { skip }, async (t) => {
  const args = ['out=here'];
  const groups = [61_125];
  const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe'];
  const env = { A: '1' };
  const rlimits = { nofile: 64 };
  const running = runInJail({ ...base, args, groups, stdio, env, rlimits });
  args[0] = 'exit=3';
  groups[0] = 0;
  stdio.fill('ignore');
  t.match(await running, { exitCode: 0, stdout: 'here' });

  await using open = await (async () => {
    const args = [Buffer.from('out=default')];
    const directory = Buffer.from(first);
    const opening = openJail(directory, { user, program: '/actor', args, env, rlimits });
    directory.fill('!');
    args[0]?.fill('!');
    args.push(Buffer.from('exit=3'));
    env.A = '2';
    rlimits.nofile = 0;
    return opening;
  })();
  t.match(await open.run(), { stdout: 'default' });
  t.ok((await environmentOf((program) => open.run({ program, args: [] }))).includes('A=1'));
  t.same(open.directory, Buffer.from(first));
  (open.directory as Buffer).fill('!');
  t.match(await open.run(), { stdout: 'default' });
});

t.test('whoever changes the steps that planLaunch has told changes no later launch', { skip }, async (t) => {
  const before = await planLaunch(base);
  const text = JSON.stringify(before.steps);
  for (const step of before.steps) {
    if (step.op === 'seccomp') step.filter.fill(0);
    if (step.op === 'chdir') step.path.fill('!');
    for (const [key, value] of Object.entries(step)) {
      if (Array.isArray(value)) value.push(21);
      if (typeof value === 'number') Object.assign(step, { [key]: value + 1 });
    }
  }
  t.match(await runInJail(base), { stdout: 'here' });
  t.equal(JSON.stringify((await planLaunch(base)).steps), text);
  const after = await planLaunch(base);
  const filter = after.steps.find((step) => step.op === 'seccomp')?.filter;
  t.ok(filter !== undefined && filter.some((byte) => byte !== 0), 'the filter is a filter');
  const directory = after.steps.find((step) => step.op === 'chdir')?.path;
  t.same(directory, Buffer.from('/'));
});

const thrown = new Error('from a getter');
const fail = (): never => {
  throw thrown;
};

/** A copy of a request with a getter that throws at this key. */
function withGetter<T extends object>(request: T, key: string): T {
  return Object.defineProperty({ ...request }, key, { get: fail, enumerable: true });
}

t.test('a getter or a proxy that throws rejects with a UsageError that has what was thrown', async (t) => {
  const wrapped = { name: 'UsageError', code: 'ERR_USAGE', cause: thrown };
  for (const key of ['user', 'jail', 'args', 'env', 'input', 'stdio', 'signal', 'timeoutMs', 'rlimits'])
    await t.rejects(runInJail(withGetter(base, key)), wrapped, key);
  await t.rejects(spawnInJail(new Proxy({ ...base }, { ownKeys: fail })), wrapped);
  await t.rejects(runInJail({ ...base, env: withGetter({}, 'A') }), wrapped);
  await t.rejects(runInJail({ ...base, args: new Proxy([], { get: fail }) }), wrapped);
  await t.rejects(openJail('/', withGetter({}, 'args')), wrapped);
  await t.rejects(resolveAccount(withGetter({ user }, 'group')), wrapped);
  await t.rejects(planLaunch(withGetter(base, 'cwd')), wrapped);
  await t.rejects(buildJail(withGetter({ directory: '/nonexistent' }, 'programs')), wrapped);
  await t.rejects(checkJail(withGetter({ directory: '/nonexistent' }, 'users')), wrapped);
  await t.rejects(hostsAccess(withGetter({ daemon: 'x', client: {} }, 'server')), wrapped);
  t.throws(() => execInJail(withGetter(base, 'program')), wrapped);
  t.throws(() => openHosts(withGetter({}, 'allow')), wrapped);
});

t.test('an open jail whose launch throws when it is read goes on', { skip }, async (t) => {
  await using open = await openJail(first, { user, program: '/actor', args: ['out=here'] });
  await t.rejects(open.run(withGetter({}, 'env')), { name: 'UsageError', cause: thrown });
  await t.rejects(open.spawn(new Proxy({}, { has: fail })), { name: 'UsageError', cause: thrown });
  t.match(await open.run(), { stdout: 'here' });
});

t.test('holes in lists are errors that name their place', async (t) => {
  // oxlint-disable-next-line no-sparse-arrays
  const holes = [,] as unknown as string[];
  const usage = { name: 'UsageError', code: 'ERR_USAGE' };
  await t.rejects(runInJail({ ...base, args: holes }), {
    ...usage,
    message: /^args\[0\] is missing: it must be a string or a Uint8Array/,
  });
  // Reading all elements would take more memory than there is.
  await t.rejects(runInJail({ ...base, args: Array(1e9) as string[] }), usage);
  await t.rejects(runInJail({ ...base, groups: holes }), usage);
  await t.rejects(runInJail({ ...base, caps: holes }), usage);
  await t.rejects(runInJail({ ...base, preserveFds: holes as unknown as number[] }), usage);
  await t.rejects(buildJail({ directory: '/nonexistent', programs: holes }), usage);
  await t.rejects(buildJail({ directory: '/nonexistent', programs: Array(1e9) as string[] }), usage);
  await t.rejects(checkJail({ directory: '/nonexistent', users: holes }), usage);
});

t.test('what only looks like an AbortSignal, or like bytes, is a UsageError', async (t) => {
  const usage = { name: 'UsageError', code: 'ERR_USAGE' };
  const prototype = Object.create(AbortSignal.prototype) as AbortSignal;
  await t.rejects(runInJail({ ...base, signal: prototype }), usage);
  await t.rejects(runInJail({ ...base, jail: Object.create(Uint8Array.prototype) as Uint8Array }), usage);
  await t.rejects(runInJail({ ...base, program: new Proxy(Buffer.from('/actor'), {}) }), usage);
});

t.test('an open jail is not asked for another one', { skip }, async (t) => {
  const elsewhere: object = { jail: '/elsewhere' };
  const twice = { name: 'UsageError', message: /jail is given twice/ };
  await t.rejects(openJail(first, elsewhere), twice);
  await using open = await openJail(first, { user, program: '/actor' });
  await t.rejects(open.run(elsewhere), twice);
  await t.rejects(open.spawn(elsewhere), twice);
  const order = { name: 'UsageError', message: /the directory must be a string/, hint: /it comes first/ };
  await t.rejects(openJail({ directory: first } as unknown as string), order);
  await t.rejects(openJail(first, 'sam' as unknown as object), {
    name: 'UsageError',
    message: /in an object/,
  });
  await t.rejects(open.run(null as unknown as object), { name: 'UsageError', message: /in an object/ });
  await t.rejects(open.run({ env: ['A=1'] as unknown as Record<string, string> }), {
    message: /env must be/,
  });
});

/** How long the event loop is blocked while this starts, in ms. */
async function held(start: () => Promise<unknown>): Promise<number> {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let most = 0;
  let last = performance.now();
  const started = start().then(turn);
  const ended = started.then(() => true);
  for (let isEnded: unknown = false; isEnded !== true;) {
    isEnded = await Promise.race([ended, turn()]);
    const now = performance.now();
    most = Math.max(most, now - last);
    last = now;
  }
  return most;
}

t.test('10,000 variables hold the loop no longer than child_process does', { skip }, async (t) => {
  const env = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`NAME_${i}`, `the value ${i}`]));
  let [our, node] = [Infinity, Infinity];
  // An environment of this size needs this much stack.
  const request = { ...base, env, stdio: 'ignore', rlimits: { stack: 2 ** 26 } } as const;
  const launch = async (): Promise<unknown> => (await spawnInJail(request)).exited;
  const start = (): Promise<unknown> =>
    new Promise((resolve) => spawn(join(first, 'actor'), { env, stdio: 'ignore' }).on('exit', resolve));
  // The least of some, half as much again; of more on a machine that is busy all the time, where the loop loses its CPU as well.
  for (let i = 0; i < 15 || (i < 300 && our >= node * 1.5); i++) {
    our = Math.min(our, await held(launch));
    node = Math.min(node, await held(start));
  }
  t.ok(our < node * 1.5, `${our.toFixed(1)} ms, child_process ${node.toFixed(1)} ms`);
});
