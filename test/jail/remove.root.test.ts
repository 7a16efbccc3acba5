import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { bytePath } from '../../lib/tree/path.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { removeTree } from '../../lib/jail/host/tree.ts';
import { removeJail } from '../../lib/jail/remove.ts';
import { native } from '../../lib/native.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { eventually, fdsFallTo, settledFds } from '../support/service.ts';
import {
  makeScene,
  listTree,
  makeMemory,
  makeTemplate,
  mount,
  namesIn,
  sh,
  startScript,
  stop,
} from '../support/jail/scene.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

const busy = (message: RegExp) => ({ name: 'JailError', code: 'EBUSY', message });

t.test('a jail is removed, whatever its user has put into it, and nothing else', asRoot, async (t) => {
  const { base, jail, outside } = makeScene(t);
  symlinkSync(`${outside}/d`, `${jail}/tmp/absolute`);
  symlinkSync('../../outside/d', `${jail}/tmp/relative`);
  symlinkSync('/', `${jail}/root`);
  linkSync(`${outside}/d/kept`, `${jail}/tmp/hard`);
  writeFileSync(`${jail}/tmp/a\nb \x1b[31m`, '');
  writeFileSync(Buffer.from(`${jail}/tmp/\xff\xfe`, 'latin1'), '');
  mkdirSync(`${jail}/tmp/closed`, { mode: 0 });
  chownSync(jail, 61_001, 61_001);
  chmodSync(jail, 0o777);
  sh('mkfifo "$0/tmp/fifo"; mknod "$0/tmp/null" c 1 3', jail);
  const before = await settledFds();
  const report = await removeJail({ directory: `${jail}/` });
  t.same(report, { files: 10, directories: 5 });
  t.same(namesIn(base), ['outside']);
  t.same(readdirSync(`${outside}/d`), ['kept']);
  t.ok(await fdsFallTo(before));
});

t.test('a tree deeper than a path can be long is removed', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  const old = process.cwd();
  process.chdir(`${jail}/tmp`);
  const name = 'd'.repeat(250);
  for (let level = 0; level < 600; level++) {
    mkdirSync(name);
    process.chdir(name);
  }
  process.chdir(old);
  t.match(await removeJail({ directory: jail }), { directories: 604 });
  t.same(namesIn(base), ['outside']);
});

t.test(
  'a directory that the builder has not made is refused: /, /usr, a file, a link, no manifest',
  asRoot,
  async (t) => {
    const { base, jail } = makeScene(t);
    const none = { name: 'JailError', code: 'ERR_NO_MANIFEST' };
    const usage = { name: 'UsageError' };
    for (const directory of ['/', '..', `${jail}/..`]) await t.rejects(removeJail({ directory }), usage);
    for (const directory of ['/usr', '/etc', '.', `${base}/outside`])
      await t.rejects(removeJail({ directory }), none);
    symlinkSync(jail, `${base}/link`);
    await t.rejects(removeJail({ directory: `${base}/link` }), { ...usage, hint: /that it leads to/ });
    await t.rejects(removeJail({ directory: `${base}/link/` }), usage);
    await t.rejects(removeJail({ directory: `${jail}/etc/name` }), { ...usage, message: /not a directory/ });
    await t.rejects(removeJail({ directory: `${base}/nothing` }), { name: 'JailError', code: 'ENOENT' });
    await t.rejects(removeJail({ directory: `${base}/no/thing` }), { name: 'JailError', code: 'ENOENT' });
    chownSync(`${jail}/.uchroot`, 61_001, 61_001);
    await t.rejects(removeJail({ directory: jail }), none);
    chownSync(`${jail}/.uchroot`, 0, 0);
    renameSync(`${jail}/.uchroot`, `${jail}/tmp/store`);
    symlinkSync('tmp/store', `${jail}/.uchroot`);
    await t.rejects(removeJail({ directory: jail }), none);
    t.same(namesIn(base), ['jail', 'link', 'outside']);
    t.same(namesIn(jail), ['.uchroot', 'etc', 'tmp']);
  },
);

t.test('a jail in a directory that somebody else could exchange is refused', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  mkdirSync(`${base}/theirs`);
  renameSync(jail, `${base}/theirs/jail`);
  chownSync(`${base}/theirs`, 61_001, 61_001);
  const removing = removeJail({ directory: `${base}/theirs/jail` });
  await t.rejects(removing, { name: 'JailError', code: 'ERR_INSECURE_PATH' });
  t.ok(existsSync(`${base}/theirs/jail/etc/name`));
});

// Works in a tree that is being removed: it exchanges directories and links, and makes new ones.
const racer = `
  import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
  const [tree, outside, elsewhere] = process.argv.slice(1);
  console.log('ready');
  const go = (f) => { try { f(); } catch {} };
  for (let end = Date.now() + 60_000, round = 0; Date.now() < end; round++) {
    if (round % 50 === 0) go(() => process.chdir(tree));
    go(() => mkdirSync('a/b/c', { recursive: true }));
    go(() => writeFileSync('a/b/f' + (round % 10), ''));
    go(() => symlinkSync(outside, 'link'));
    go(() => renameSync('a', 'x'));
    go(() => renameSync('link', 'a'));
    go(() => renameSync('a', 'link'));
    go(() => renameSync('x', 'a'));
    go(() => renameSync('a/b', elsewhere + '/b'));
    go(() => renameSync(elsewhere + '/b', 'a/b'));
  }`;

t.test(
  'a user who exchanges directories during a removal cannot have anything else removed',
  needs('mount'),
  async (t) => {
    const base = makeMemory(t);
    const outside = `${base}/outside`;
    for (const name of ['b/c', 'd']) mkdirSync(`${outside}/${name}`, { recursive: true });
    for (const name of ['f0', 'f1', 'b/f0', 'b/c/f0']) writeFileSync(`${outside}/${name}`, 'kept');
    mkdirSync(`${base}/elsewhere`);
    const all = listTree(outside);
    const fd = openSync(base, constants.O_RDONLY);
    t.teardown(() => closeSync(fd));
    const pid = await startScript(t, racer, `${base}/tree`, outside, `${base}/elsewhere`);
    const ends: string[] = [];
    for (let i = 0; i < 300; i++) {
      mkdirSync(`${base}/tree/y/z`, { recursive: true });
      for (let j = 0; j < 20; j++) writeFileSync(`${base}/tree/y/f${j}`, '');
      const removing = removeTree({ fd, path: bytePath(base) }, bytePath('tree'));
      ends.push(
        await removing.then(
          () => 'removed',
          (error: { code?: string }) => error.code ?? 'no code',
        ),
      );
      if (listTree(outside).length !== all.length) t.fail(`something outside is gone in round ${i}`);
    }
    await stop(pid);
    t.same(
      ends.filter((end) => end !== 'removed' && end !== 'ENOTEMPTY'),
      [],
    );
    t.ok(ends.includes('removed'));
    t.same(listTree(outside), all);
  },
);

t.test('a mount that appears while it removes is not crossed', needs('mount'), async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/tree/a/mounted`, { recursive: true });
  const memory = mount(t, '-t', 'tmpfs', 'tmpfs', `${base}/tree/a/mounted`);
  writeFileSync(`${memory}/kept`, '');
  const fd = openSync(base, constants.O_RDONLY);
  const removing = removeTree({ fd, path: bytePath(base) }, bytePath('tree'));
  await t.rejects(removing, { code: 'EBUSY', path: memory });
  t.same(namesIn(memory), ['kept']);
  const onIt = removeTree({ fd, path: bytePath(`${base}/tree/a`) }, bytePath('mounted'));
  await t.rejects(onIt, { name: 'JailError' });
  closeSync(fd);
});

function fill(jail: string, count: number): void {
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) mkdirSync(`${jail}/tmp/d${i / 100}`);
    writeFileSync(`${jail}/tmp/d${Math.floor(i / 100)}/f${i}`, '');
  }
}

function directoriesIn(jail: string): number {
  return existsSync(`${jail}/tmp`) ? namesIn(`${jail}/tmp`).length : Infinity;
}

t.test('a second call removes what an aborted one has left', needs('mount'), async (t) => {
  const base = makeMemory(t);
  const jail = makeTemplate(`${base}/jail`);
  const reason = new Error('enough');
  fill(jail, 40_000);
  const early = removeJail({ directory: jail, signal: AbortSignal.abort(reason) });
  await t.rejects(early, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
  t.same(namesIn(base), ['jail']);
  const controller = new AbortController();
  const counted: number[] = [];
  const late = removeJail({
    directory: jail,
    signal: controller.signal,
    onProgress: ({ phase, files }) => {
      t.equal(phase, 'remove');
      counted.push(files);
    },
  });
  const isBegun = () =>
    namesIn(base).some((name) => name !== 'jail' && directoriesIn(`${base}/${name}`) < 399);
  t.ok(await eventually(isBegun));
  controller.abort(reason);
  await t.rejects(late, {
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: reason,
    message: /not complete: the rest of/,
    hint: `uchroot-jail remove ${jail} removes the rest`,
  });
  const [left = '', ...others] = namesIn(base);
  t.match(left, /^\.jail\.uchroot-removed-[0-9a-f]{24}$/);
  t.same(others, []);
  t.ok(existsSync(`${base}/${left}/.uchroot/manifest.json.gz`), 'the manifest goes last');
  await removeJail({ directory: jail });
  t.same(namesIn(base), []);
});

t.test(
  'a jail in the lower layer of an overlay is removed, which cannot rename it',
  needs('mount'),
  async (t) => {
    const base = makeMemory(t);
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(`${base}/${name}`);
    makeTemplate(`${base}/lower/jail`);
    const layers = `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work,redirect_dir=off`;
    mount(t, '-t', 'overlay', '-o', layers, 'overlay', `${base}/merged`);
    const directory = `${base}/merged/jail`;
    const held = await startScript(
      t,
      `process.chdir('${directory}'); console.log('ready'); setInterval(Boolean, 1e6);`,
    );
    await t.rejects(removeJail({ directory }), { code: 'EBUSY' });
    t.not(statSync(directory).mode & 0o777, 0, 'it can be entered again');
    await stop(held);
    t.ok((await removeJail({ directory })).files > 0);
    t.same(namesIn(`${base}/merged`), []);
    t.same(namesIn(`${base}/lower`), ['jail']);
  },
);

t.test('it can be killed at any time, and then be repeated', needs('mount'), async (t) => {
  const base = makeMemory(t);
  const jail = `${base}/jail`;
  const template = makeTemplate(`${base}/template`);
  fill(template, 1000);
  const script = `import { removeJail } from '${import.meta.dirname}/../../lib/jail/remove.js';
    console.log('ready');
    await removeJail({ directory: '${jail}' });`;
  let interrupted = 0;
  // on a busy machine it may be over before it is seen to begin
  for (let i = 0; i < 12 || (interrupted === 0 && i < 200); i++) {
    await cloneJail({ template, directory: jail });
    const pid = await startScript(t, script);
    if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i * 8));
    else while (existsSync(jail) && existsSync(`/proc/${pid}`)); // until the instant in which it begins
    await stop(pid);
    const isThere = existsSync(jail);
    const isLeft = namesIn(base).length > 1;
    if (!isThere && isLeft) interrupted++;
    if (isThere || isLeft) await removeJail({ directory: jail });
    t.same(namesIn(base), ['template']);
  }
  t.ok(interrupted > 0, `${interrupted} were interrupted`);
});

t.test(
  'an empty rest, and one with half a store, count as ours; the work of others does not',
  asRoot,
  async (t) => {
    const { base, jail } = makeScene(t);
    rmSync(jail, { recursive: true });
    const left = (letter: string) => `${base}/.jail.uchroot-removed-${letter.repeat(24)}`;
    mkdirSync(left('a'));
    mkdirSync(`${left('b')}/.uchroot`, { recursive: true });
    mkdirSync(`${left('c')}/etc`, { recursive: true });
    mkdirSync(left('d'));
    chownSync(left('d'), 61_001, 61_001);
    mkdirSync(`${base}/.jail.uchroot-removed-x`);
    await removeJail({ directory: jail });
    const rest = ['c', 'd'].map((letter) => left(letter).slice(base.length + 1));
    t.same(namesIn(base), [...rest, '.jail.uchroot-removed-x', 'outside']);
    await t.rejects(removeJail({ directory: jail }), { code: 'ENOENT' });
  },
);

t.test('two that remove one jail, or work on it, do not get in each other’s way', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  const lock = openSync(`${jail}/.uchroot`, constants.O_RDONLY);
  t.ok(native.lockFile(lock));
  await t.rejects(removeJail({ directory: jail }), busy(/another uchroot-jail works/));
  closeSync(lock);
  const ends = await Promise.allSettled([1, 2, 3].map(() => removeJail({ directory: jail })));
  t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
  t.same(namesIn(base), ['outside']);
});

t.test('the longest name there is can be removed and cloned to', asRoot, async (t) => {
  const { base, jail } = makeScene(t);
  const long = `${base}/${'n'.repeat(255)}`;
  await cloneJail({ template: jail, directory: long });
  await removeJail({ directory: long });
  t.same(namesIn(base), ['jail', 'outside']);
});

t.test('a request is checked before anything is done', async (t) => {
  const rejects = (request: object, message: RegExp) =>
    t.rejects(removeJail(request as Parameters<typeof removeJail>[0]), { name: 'UsageError', message });
  await rejects({ directory: '' }, /directory must be a path/);
  await rejects({ directory: '/srv/\0' }, /directory must be a path/);
  await rejects({ directory: '/srv/j', directroy: 1 }, /unknown key 'directroy'/);
});
