import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SHARE_ENV, Worker, type WorkerOptions } from 'node:worker_threads';

import t from 'tap';

import { isolated } from '../../support/isolation.ts';
import { runInJail, type JailRunRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import {
  childrenOf,
  countOf,
  eventually,
  plainEnv,
  processesOf,
  fdsFallTo,
  settledFds,
  statusOf,
} from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_105;
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };

interface Work {
  /** The worker's task: one thing after the other, or this many in parallel without end. */
  readonly kind: 'run' | 'exec' | 'spawn' | 'loop' | 'environment';
  readonly request: JailRunRequest & { readonly jail: string };
  readonly count?: number;
}

function startWorker(work: Work, env: WorkerOptions['env'] = plainEnv()): Worker {
  return new Worker(join(import.meta.dirname, '../../support/fixture/worker.js'), {
    workerData: work,
    // Without the modules that the test runner loads in each thread.
    env,
    execArgv: [],
  });
}

async function answer(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, 'message')) as [unknown];
  return message;
}

t.test('spawnInJail and runInJail work in a worker', { skip }, async (t) => {
  const worker = startWorker({
    kind: 'run',
    request: { ...base, args: ['cat', 'exit=3'], input: 'from a worker' },
  });
  const ended = once(worker, 'exit');
  t.match(await answer(worker), {
    run: { exitCode: 3, stdout: 'from a worker' },
    spawn: { exitCode: 3, out: '' },
  });
  t.strictSame(await ended, [0]);
});

t.test('a program of a worker starts from the environment of the worker', { skip }, async (t) => {
  process.env.OF_MAIN_THREAD = '1';
  t.teardown(() => {
    delete process.env.OF_MAIN_THREAD;
    delete process.env.SET_IN_WORKER;
  });
  const request = { ...base, program: '/probe' };
  const of = async (keepEnv: boolean, env: WorkerOptions['env']) =>
    (await answer(startWorker({ kind: 'environment', request: { ...request, keepEnv } }, env))) as string[];

  const own = await of(true, { OF_WORKER: '1', TERM: 'vt100', LANG: 'C.UTF-8' });
  for (const entry of ['OF_WORKER=1', 'SET_IN_WORKER=é', 'TERM=vt100']) t.ok(own.includes(entry), entry);
  t.notOk(own.includes('OF_MAIN_THREAD=1'));
  const described = await of(false, { OF_WORKER: '1', TERM: 'vt100' });
  t.ok(described.includes('TERM=vt100'));
  t.notOk(described.includes('OF_WORKER=1'));

  const shared = await of(true, SHARE_ENV);
  for (const entry of ['OF_MAIN_THREAD=1', 'SET_IN_WORKER=é']) t.ok(shared.includes(entry), entry);
});

t.test('execInJail in a worker is refused, and the process goes on', { skip }, async (t) => {
  t.match(await answer(startWorker({ kind: 'exec', request: base })), {
    name: 'UsageError',
    message: /main thread/,
    hint: /spawnInJail/,
  });
  t.match(await runInJail(base), { exitCode: 0 });
});

t.test('the children of a worker that is terminated go with it, and leave no zombie', { skip }, async (t) => {
  const before = await settledFds();
  const worker = startWorker({
    kind: 'spawn',
    request: { ...base, args: ['ignore=15', 'sleep=60000'] },
    count: 20,
  });
  const pids = (await answer(worker)) as number[];
  // each isolated program has an init
  t.equal(processesOf(uid).length, isolated ? 40 : 20);
  await worker.terminate();
  t.strictSame(processesOf(uid), []);
  t.strictSame(
    childrenOf(process.pid).filter((pid) => pids.includes(pid)),
    [],
  );
  // Workers of earlier tests may close their descriptors only now.
  t.ok(await fdsFallTo(before), 'no descriptor of theirs is left open');
});

t.test('so do what they have started, and output that nobody has read', { skip }, async (t) => {
  const before = await settledFds();
  const started = ['fork=60000', 'out=unread'];
  for (const words of [[...started, 'sleep=60000'], started, ['out=unread']]) {
    const worker = startWorker({ kind: 'spawn', request: { ...base, args: words }, count: 4 });
    const pids = (await answer(worker)) as number[];
    // They stay zombies as long as a process of their group holds a pipe. With an isolated program ends all that it has started.
    if (words === started && !isolated)
      t.ok(await eventually(() => pids.every((pid) => statusOf(pid, 'State')?.startsWith('Z') === true)));
    await worker.terminate();
    t.ok(await eventually(() => processesOf(uid).length === 0), words.join(' '));
    t.strictSame(childrenOf(process.pid), []);
    t.ok(await fdsFallTo(before));
  }
});

t.test('so do those that a worker has let go of before it ends by itself', { skip }, async (t) => {
  const request = { ...base, args: ['sleep=60000'], stdio: 'ignore' as const };
  const worker = startWorker({ kind: 'spawn', request, count: -3 });
  await once(worker, 'exit');
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

t.test('terminating a worker while launches are in flight is safe', { skip }, async (t) => {
  const before = await settledFds();
  for (let i = 0; i < 10; i++) {
    const worker = startWorker({ kind: 'loop', request: { ...base, args: ['sleep=2'] }, count: 8 });
    await answer(worker);
    await sleep(i % 6);
    t.equal(await worker.terminate(), 1);
  }
  t.ok(await eventually(() => processesOf(uid).length === 0));
  t.ok(await eventually(() => childrenOf(process.pid).length === 0), 'no zombie is left');
  t.ok(await fdsFallTo(before), 'no descriptor is left, wherever the launches were');
  // The launches of this thread are not affected. As many as run at once may each start a thread that looks at the host, and one that
  // launches (native/start/crew.cc); on a fast machine fewer do.
  const { threads } = countOf(process.pid);
  for (let i = 0; i < 8; i++) {
    const runs = Array.from({ length: 8 }, () => runInJail({ ...base, args: ['exit=5'], reject: false }));
    t.ok((await Promise.all(runs)).every(({ exitCode }) => exitCode === 5));
  }
  t.ok(countOf(process.pid).threads <= threads + 2 * 8);
});

t.test(
  'a worker that is terminated while it looks for its cgroup leaves no descriptor',
  { skip },
  async (t) => {
    const before = await settledFds();
    for (let i = 0; i < 40; i++) {
      const request = { ...base, args: ['exit=0'], memory: '64M' };
      const worker = startWorker({ kind: 'loop', request, count: 4 });
      await answer(worker);
      await sleep(i % 4);
      await worker.terminate();
    }
    t.ok(await eventually(() => processesOf(uid).length === 0));
    t.ok(await fdsFallTo(before + 2), 'none is left'); // the launches themselves keep two
  },
);

t.test('an exit of the worker with launches in flight is safe too', { skip }, async (t) => {
  for (let i = 0; i < 10; i++) {
    const worker = startWorker({ kind: 'loop', request: { ...base, args: ['exit=0'] }, count: -8 });
    const [code] = (await once(worker, 'exit')) as [number];
    t.equal(code, 0);
  }
  t.ok(await eventually(() => processesOf(uid).length === 0 && childrenOf(process.pid).length === 0));
});
