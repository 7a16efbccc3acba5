// A clone that ends early, and places where none can be.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import t from 'tap';

import { JailError } from '../../lib/errors.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { removeJail } from '../../lib/jail/remove.ts';
import type { Progress } from '../../lib/jail/work/steps.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { countOf, eventually, plainEnv, fdsFallTo, settledFds } from '../support/service.ts';
import {
  listTree,
  makeMemory,
  makeTemplate,
  mount,
  namesIn,
  sh,
  startScript,
  stop,
  textOf,
} from '../support/jail/scene.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

function makeLarge(template: string): void {
  const data = Buffer.alloc(2_000_000);
  for (let i = 0; i < 100; i++) {
    data.fill(i + 1);
    mkdirSync(`${template}/d${i}`);
    writeFileSync(`${template}/d${i}/f`, data);
  }
}

t.test('an abort at any time leaves nothing, and tells its reason', needs('mount'), async (t) => {
  const base = makeMemory(t);
  const template = makeTemplate(`${base}/template`);
  makeLarge(template);
  const reason = new Error('enough');
  const before = await settledFds();
  let aborted = 0;
  for (const ms of [0, 0, 1, 2, 4, 8, 16, 24, 32, 48]) {
    const controller = new AbortController();
    const cloning = cloneJail({ template, directory: `${base}/new/jail`, signal: controller.signal });
    setTimeout(() => controller.abort(reason), ms);
    const end = await cloning.then(
      () => 'made',
      (error: unknown) => error,
    );
    if (end === 'made') {
      rmSync(`${base}/new`, { recursive: true });
      continue;
    }
    aborted++;
    t.match(end, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    t.same(namesIn(base), ['template']);
  }
  t.ok(aborted > 3);
  await t.rejects(cloneJail({ template, directory: `${base}/jail`, signal: AbortSignal.abort(reason) }), {
    code: 'ABORT_ERR',
    cause: reason,
  });
  t.same(namesIn(base), ['template']);
  t.ok(await fdsFallTo(before));
});

t.test('the event loop is not held while 200 MB are copied', needs('mount'), async (t) => {
  const base = makeMemory(t);
  const template = makeTemplate(`${base}/template`);
  makeLarge(template);
  const seen: Progress[] = [];
  // The most that this process has computed while its loop stood still, of all that it has computed for a copy. The time would not do:
  // other processes take the processor too. They do not take it from the loop alone in each of ten rounds.
  const held: number[] = [];
  const computed = (since?: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(since);
    return user + system;
  };
  for (let i = 0; i < 10; i++) {
    const start = process.cpuUsage();
    let [last, most] = [start, 0];
    const turn = (): void => {
      most = Math.max(most, computed(last));
      last = process.cpuUsage();
    };
    const ticking = setInterval(turn, 1);
    await cloneJail({ template, directory: `${base}/jail`, onProgress: (progress) => seen.push(progress) });
    turn();
    clearInterval(ticking);
    held.push(most / computed(start));
    await removeJail({ directory: `${base}/jail` });
  }
  t.ok(Math.min(...held) < 0.3, held.join());
  t.match(seen.at(-1), { phase: 'copy', files: 102 });
});

t.test('a worker that is terminated while it copies takes its thread with it', needs('mount'), async (t) => {
  const base = makeMemory(t);
  const template = makeTemplate(`${base}/template`);
  makeLarge(template);
  const before = countOf(process.pid).threads;
  for (let i = 0; i < 10; i++) {
    const worker = new Worker(
      `import('${import.meta.dirname}/../../lib/jail/clone.js').then(async ({ cloneJail }) => {
        require('node:worker_threads').parentPort.postMessage('begun');
        await cloneJail({ template: '${template}', directory: '${base}/jail' });
      });`,
      { eval: true, env: plainEnv(), execArgv: [] },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    await sleep(i * 3);
    await worker.terminate();
  }

  // It can end in the instant between the opening and the closing of a file that is read at once.
  const open = () => sh('readlink /proc/$0/fd/* || true', String(process.pid)).split('\n');
  const inBase = () => open().filter((path) => path.startsWith(base));
  t.ok(await eventually(() => inBase().length < 3), inBase().join());
  t.ok(await eventually(() => countOf(process.pid).threads <= before), 'nor does a thread stay');
  await cloneJail({ template, directory: `${base}/last` });
});

t.test(
  'the leftovers of a killed clone are removed by the next, and by nobody while it works',
  needs('mount'),
  async (t) => {
    const base = makeMemory(t);
    const template = makeTemplate(`${base}/template`);
    makeLarge(template);
    const script = `import { cloneJail } from '${import.meta.dirname}/../../lib/jail/clone.js';
    console.log('ready');
    await cloneJail({ template: '${template}', directory: '${base}/jail' });`;
    const isHidden = (name: string): boolean => /^\.jail\.uchroot-[0-9a-f]{24}$/.test(name);
    const pid = await startScript(t, script);
    // It has locked the directory before it puts something there.
    const isBegun = (name: string): boolean => isHidden(name) && namesIn(`${base}/${name}`).length > 0;
    t.ok(await eventually(() => namesIn(base).some(isBegun)));
    process.kill(pid, 'SIGSTOP');
    const left = namesIn(base).filter(isHidden);
    t.equal(left.length, 1);
    t.equal(statSync(`${base}/${left[0]}`).mode & 0o7777, 0o700);
    await cloneJail({ template, directory: `${base}/jail` });
    t.ok(existsSync(`${base}/${left[0]}`));
    await stop(pid);
    rmSync(`${base}/jail`, { recursive: true });
    await cloneJail({ template, directory: `${base}/jail` });
    t.same(namesIn(base), ['jail', 'template']);
  },
);

t.test('an empty directory is filled, anything else at the place is refused', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  const refused = (directory: string, message: RegExp) =>
    t.rejects(cloneJail({ template, directory }), { name: 'UsageError', message });
  mkdirSync(`${base}/empty`);
  await cloneJail({ template, directory: `${base}/empty/` });
  t.equal(textOf(`${base}/empty/etc/name`), 'template\n');
  await refused(`${base}/empty`, /is not empty/);
  writeFileSync(`${base}/file`, 'x');
  await refused(`${base}/file`, /is no directory/);
  symlinkSync('empty2', `${base}/link`);
  await refused(`${base}/link`, /is no directory/);
  mount(t, '-t', 'tmpfs', 'tmpfs', `${base}/mounted`);
  await refused(`${base}/mounted`, /mounted/);
  await refused('/', /not the name of a jail/);
  await refused(`${base}/..`, /not the name of a jail/);
  await refused(`${template}/etc/jail`, /is inside the other/);
  await refused(template, /is inside the other/);
  await t.rejects(cloneJail({ template, directory: `${base}/file/jail` }), { code: 'ENOTDIR' });
  t.same(namesIn(base), ['empty', 'file', 'link', 'mounted', 'template']);
});

t.test(
  'a place or a template that others could exchange is refused, a sticky one is fine',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const template = makeTemplate(`${base}/template`);
    mkdirSync(`${base}/theirs`);
    chownSync(`${base}/theirs`, 61_001, 61_001);
    mkdirSync(`${base}/open`);
    chmodSync(`${base}/open`, 0o777);
    for (const name of ['theirs', 'open'])
      await t.rejects(cloneJail({ template, directory: `${base}/${name}/jail` }), {
        code: 'ERR_INSECURE_PATH',
      });
    mkdirSync(`${base}/sticky`);
    chmodSync(`${base}/sticky`, 0o1777);
    await cloneJail({ template, directory: `${base}/sticky/jail` });
    mkdirSync(`${base}/sticky/squatted`);
    chownSync(`${base}/sticky/squatted`, 61_001, 61_001);
    const squatted = cloneJail({ template, directory: `${base}/sticky/squatted` });
    await t.rejects(squatted, { code: 'ERR_INSECURE_PATH' });
    t.same(namesIn(`${base}/sticky`), ['jail', 'squatted']);
    renameSync(template, `${base}/theirs/template`);
    await t.rejects(cloneJail({ template: `${base}/theirs/template`, directory: `${base}/jail` }), {
      code: 'ERR_INSECURE_PATH',
    });
  },
);

t.test('a directory without a manifest of root’s is no template', asRoot, async (t) => {
  const base = makeDirectory(t);
  const directory = `${base}/jail`;
  const none = { name: 'JailError', code: 'ERR_NO_MANIFEST' };
  await t.rejects(cloneJail({ template: '/usr', directory }), none);
  const template = makeTemplate(`${base}/template`);
  chownSync(`${template}/.uchroot`, 61_001, 61_001);
  await t.rejects(cloneJail({ template, directory }), none);
  await t.rejects(cloneJail({ template: `${base}/nothing`, directory }), {
    name: 'JailError',
    code: 'ENOENT',
  });
  t.same(namesIn(base), ['template']);
});

t.test('two that clone to one place: one has it, and the other leaves nothing', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  makeLarge(template); // each begins before another has ended
  const both = [1, 2, 3].map(() => cloneJail({ template, directory: `${base}/jail` }));
  const ends = await Promise.allSettled(both);
  t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const end of ends) if (end.status === 'rejected') t.ok(end.reason instanceof JailError);
  t.same(namesIn(base), ['jail', 'template']);
  t.same(listTree(`${base}/jail`), listTree(template));
});

t.test('a request is checked before anything is done', async (t) => {
  const rejects = (request: object, message: RegExp) =>
    t.rejects(cloneJail(request as Parameters<typeof cloneJail>[0]), { name: 'UsageError', message });
  await rejects({ template: '/t', directory: '' }, /directory must be a path/);
  await rejects({ template: '/t\0', directory: '/d' }, /template must be a path/);
  await rejects({ template: '/t', directory: '/d', templat: 1 }, /unknown key 'templat'/);
  await rejects({ template: '/t', directory: '/d', keepPrivileges: ['bin/x'] }, /must be an absolute path/);
  await rejects({ template: '/t', directory: '/d', keepPrivileges: ['/../x'] }, /must be an absolute path/);
});
