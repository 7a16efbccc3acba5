import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { buildJail } from '../../lib/jail/build.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { listJail } from '../../lib/jail/list.ts';
import type { Progress } from '../../lib/jail/progress.ts';
import { removeJail } from '../../lib/jail/remove.ts';
import { native } from '../../lib/native.ts';
import { describeTree, makeDirectory, uchrootJail } from '../support/builder.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';
import { beginProcess, fill, makeDeep, makeTemplate, mount, must } from '../support/template.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot() || unlessInstalled(...tools) });

type Env = Record<string, string>;

/** A directory beside the jail that must stay as it is. */
function makeOutside(t: Test, base: string): () => void {
  mkdirSync(`${base}/outside/sub`, { recursive: true });
  for (const name of ['x', 'sub/y']) writeFileSync(`${base}/outside/${name}`, name);
  const before = describeTree(`${base}/outside`);
  return () => void t.same(describeTree(`${base}/outside`), before, 'nothing outside has changed');
}

t.test('a jail is removed with all that has come into it, and no link is followed', asRoot, async (t) => {
  const base = makeDirectory(t);
  const checkOutside = makeOutside(t, base);
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, programs: ['/bin/true'] });
  for (const name of ['two\nlines', '\u001b[31m', '-rf', '.uchroot-0']) fill(`${jail}/home/${name}`, 120);
  mkdirSync(Buffer.concat([Buffer.from(`${jail}/`), Buffer.from([0xff, 0xfe])]));
  symlinkSync(`${base}/outside`, `${jail}/out`);
  symlinkSync('/etc', `${jail}/home/etc`);
  must(['mkfifo', `${jail}/fifo`]);
  must(['ln', `${base}/outside/x`, `${jail}/hard`]);
  must(['mknod', `${jail}/null`, 'c', '1', '3']);
  chmodSync(`${jail}/home`, 0o000);
  const { status, stdout, stderr } = uchrootJail(['remove', jail]);
  t.match({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  t.same(readdirSync(base), ['outside']);
  checkOutside();
});

t.test('no tree is too deep', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  makeDeep(jail, 1500);
  mkdirSync(`${jail}/other/.uchroot-0`, { recursive: true });
  makeDeep(`${jail}/other`, 450);
  mkdirSync(`${jail}/.uchroot-1`);
  await removeJail({ directory: jail });
  t.same(readdirSync(base), []);
});

t.test('what is no jail of the builder is refused and stays as it is', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  mkdirSync(`${base}/plain`);
  writeFileSync(`${base}/plain/x`, '');
  writeFileSync(`${base}/file`, '');
  symlinkSync('jail', `${base}/link`);
  // as somebody in it could make one
  makeTemplate(`${base}/forged`);
  chownSync(`${base}/forged/.uchroot/manifest.json.gz`, 1234, 1234);
  makeTemplate(`${base}/theirs/jail`);
  chownSync(`${base}/theirs`, 1234, 1234);
  const before = describeTree(base);
  const rows: readonly [directory: string, expected: { name: string } | { code: string }][] = [
    ['/', { name: 'UsageError' }],
    ['/usr', { code: 'ERR_NO_MANIFEST' }],
    ['/usr/..', { name: 'UsageError' }],
    [`${base}/plain`, { code: 'ERR_NO_MANIFEST' }],
    [`${base}/nowhere`, { code: 'ENOENT' }],
    [`${base}/nowhere/jail`, { code: 'ENOENT' }],
    [`${base}/file`, { code: 'ENOTDIR' }],
    [`${base}/link`, { name: 'UsageError' }],
    [`${base}/link/`, { name: 'UsageError' }],
    [`${base}/forged`, { code: 'ERR_INSECURE_PATH' }],
    [`${base}/theirs/jail`, { code: 'ERR_INSECURE_PATH' }],
  ];
  for (const [directory, expected] of rows) {
    await t.rejects(removeJail({ directory }), expected, directory);
    const { status, stdout, stderr } = uchrootJail(['remove', directory]);
    t.match({ status, stdout }, { status: 1, stdout: '' });
    t.match(stderr, /^uchroot-jail: [^\n]+\n(?:hint: [^\n]+\n)?$/);
  }
  t.same(describeTree(base), before);
  // @ts-expect-error: a misspelt key
  await t.rejects(removeJail({ directory: jail, singal: 1 }), { name: 'UsageError' });
  t.match(uchrootJail(['remove']), { status: 1, stderr: 'Usage: uchroot-jail remove DIRECTORY\n' });
});

t.test('a jail in which something is mounted is not removed', asRoot, async (t) => {
  const base = makeDirectory(t);
  const checkOutside = makeOutside(t, base);
  const point = 'mounted\\012here\n';
  for (const [index, words] of [
    ['-t', 'tmpfs', 'none'],
    ['--bind', `${base}/outside`],
    ['--bind', `${base}/outside/x`],
  ].entries()) {
    const jail = makeTemplate(`${base}/ja il${index}\n`);
    if (index < 2) mkdirSync(`${jail}/${point}`);
    else writeFileSync(`${jail}/${point}`, '');
    mount(t, ...words, `${jail}/${point}`);
    const before = describeTree(jail);
    await t.rejects(removeJail({ directory: jail }), { code: 'EBUSY', message: /something is mounted on / });
    t.same(describeTree(jail), before);
    must(['umount', `${jail}/${point}`]);
    await removeJail({ directory: jail });
    t.notOk(existsSync(jail));
  }
  t.same(readdirSync(base), ['outside']);
  checkOutside();
});

t.test('what is mounted meanwhile is not entered', asRoot, async (t) => {
  const base = makeDirectory(t);
  const checkOutside = makeOutside(t, base);
  for (const name of ['outside', 'outside/x']) {
    const jail = makeTemplate(`${base}/jail`);
    mkdirSync(`${jail}/a/b`, { recursive: true });
    if (name === 'outside') mkdirSync(`${jail}/a/b/point`);
    else writeFileSync(`${jail}/a/b/point`, '');
    mount(t, '--bind', `${base}/${name}`, `${jail}/a/b/point`);
    const fd = openSync(jail, constants.O_RDONLY | constants.O_DIRECTORY);
    const { done } = native.emptyTree(fd, '.uchroot');
    await t.rejects(done, { code: /^(?:EXDEV|EBUSY)$/, path: '/a/b/point' });
    closeSync(fd);
    t.ok(existsSync(`${jail}/.uchroot/manifest.json.gz`));
    must(['umount', `${jail}/a/b/point`]);
    await removeJail({ directory: jail });
    checkOutside();
  }
});

t.test('a jail that a process uses is not removed', needs('ldd'), async (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  await buildJail({ directory: jail, programs: ['/bin/sh', '/bin/sleep'] });
  mkdirSync(`${jail}/sub`);
  writeFileSync(`${jail}/sub/open`, '');
  const wait = 'echo; exec /bin/sleep 60';
  const libraries = must(['sh', '-c', 'ldd /bin/sleep']);
  const [, libc = ''] = /(\/\S+libc\S+) \(/.exec(libraries) ?? [];
  copyFileSync(libc, `${jail}/sub/mapped.so`);
  copyFileSync('/bin/sleep', `${jail}/sub/program`);
  const rows: readonly [words: string, argv: readonly string[], options: { cwd?: string; env?: Env }][] = [
    ['has it as its root directory, or one below it', ['chroot', jail, '/bin/sh', '-c', wait], {}],
    ['has it as its root directory, or one below it', ['chroot', `${jail}/root`, '/bin/sh', '-c', wait], {}],
    ['works in it', ['sh', '-c', wait], { cwd: `${jail}/sub` }],
    ['has a file of it open', ['sh', '-c', `exec 9<${jail}/sub/open; ${wait}`], {}],
    ['executes a program of it', ['sh', '-c', `echo; exec ${jail}/sub/program 60`], {}],
    ['has a file of it mapped', ['sh', '-c', wait], { env: { LD_PRELOAD: `${jail}/sub/mapped.so` } }],
  ];
  // a jail in the jail
  must(['cp', '-a', `${base}/jail`, `${base}/root`]);
  renameSync(`${base}/root`, `${jail}/root`);
  const before = describeTree(jail);
  for (const [words, argv, options] of rows) {
    const end = await beginProcess(t, argv, options);
    if (words.includes('executes')) await setTimeout(100);
    await t.rejects(removeJail({ directory: jail }), { code: 'EBUSY' }, words);
    const { status, stderr } = uchrootJail(['remove', jail]);
    t.equal(status, 1);
    t.match(stderr, `${words}\nhint: `);
    t.match(
      stderr,
      /^uchroot-jail: \S+ is in use: process [0-9]+ \((?:sh|sleep|program)\) [^\n]+\nhint: [^\n]+\n$/,
    );
    await end();
  }
  t.same(describeTree(jail), before);
  await removeJail({ directory: jail });
  t.same(readdirSync(base), []);
});

t.test("a process far down in another place is in nobody's way", asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  mkdirSync(`${base}/deep`);
  const name = 'd'.repeat(200);
  const script = `for i in $(seq 30); do mkdir ${name} && cd -P ${name} || exit 1; done; echo; exec sleep 60`;
  const end = await beginProcess(t, ['bash', '-c', script], { cwd: `${base}/deep` });
  await removeJail({ directory: jail });
  t.same(readdirSync(base), ['deep']);
  await end();
  must(['rm', '-r', `${base}/deep`]); // Node could not
});

t.test('a jail that somebody works on, or removes, is left alone', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  for (const path of [`${jail}/.uchroot`, jail]) {
    const end = await beginProcess(t, ['flock', '-F', path, 'sh', '-c', 'echo; exec sleep 60']);
    await t.rejects(removeJail({ directory: jail }), { code: 'EBUSY' });
    await end();
  }
  t.same(readdirSync(base), ['jail']);
});

t.test('what cannot be removed keeps its name, and goes when it can', needs('chattr'), async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  mkdirSync(`${jail}/a`);
  writeFileSync(`${jail}/a/fixed`, '');
  must(['chattr', '+i', `${jail}/a/fixed`]);
  t.teardown(() => existsSync(`${jail}/a/fixed`) && must(['chattr', '-i', `${jail}/a/fixed`]));
  await t.rejects(removeJail({ directory: jail }), { code: 'EPERM', message: /\/a\/fixed/ });
  t.same(readdirSync(base), ['jail']);
  t.match(await listJail({ directory: jail }), { files: [] });
  must(['chattr', '-i', `${jail}/a/fixed`]);
  await removeJail({ directory: jail });
  t.same(readdirSync(base), []);
});

t.test(
  'an aborted removal gives the jail its name back, and the next one completes it',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const jail = makeTemplate(`${base}/jail`);
    fill(`${jail}/data`, 6000);
    const expected = { name: 'JailError', code: 'ABORT_ERR', cause: { message: 'enough' } };
    const signal = AbortSignal.abort(new Error('enough'));
    await t.rejects(removeJail({ directory: jail, signal }), expected);
    for (const wait of [() => setImmediate(), () => setTimeout(5)]) {
      const controller = new AbortController();
      const removing = removeJail({ directory: jail, signal: controller.signal });
      const isRejected = t.rejects(removing, expected);
      await wait();
      controller.abort(new Error('enough'));
      await isRejected;
      t.same(readdirSync(base), ['jail']);
      t.match(await listJail({ directory: jail }), { files: [] }, 'its manifest is there');
    }
    const seen: Progress[] = [];
    await removeJail({ directory: jail, onProgress: (now) => seen.push(now) });
    t.match(seen.at(-1), { phase: 'remove' });
    t.same(readdirSync(base), []);
  },
);

const CALLS = ['unlinkat', 'renameat'];

t.test(
  'a removal that was killed is completed by the next one',
  { skip: unlessRoot() || unlessInstalled('strace') || (sanitized && 'too slow under strace') },
  async (t) => {
    const base = makeDirectory(t);
    const jail = `${base}/jail`;
    let killed = 0;
    for (const call of CALLS) {
      for (const when of [1, 2, 30, 210, 215, 216, 217, 218, 219, 220]) {
        if (!existsSync(jail)) {
          makeTemplate(jail);
          fill(`${jail}/data`, 210);
        }
        const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
        const by = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${CALLS.join(',')}`, '-e', inject];
        const { status } = uchrootJail(['remove', jail], { by });
        if (status === 0) continue;
        killed++;
        const [left = '', ...others] = readdirSync(base);
        t.match(left, /^(?:jail|\.jail\.uchroot-[0-9a-f]{24})$/, `${call} ${when}`);
        t.same(others, []);
        t.match(uchrootJail(['remove', jail]), { status: 0, stderr: '' });
        t.same(readdirSync(base), []);
      }
    }
    t.ok(killed > 5, `${killed} were killed`);
  },
);

t.test('only what an interrupted run has left is taken for that', asRoot, async (t) => {
  const base = makeDirectory(t);
  const digits = '0123456789abcdef01234567';
  const left = (name: string) => {
    mkdirSync(`${base}/${name}/sub`, { recursive: true });
    return `${base}/${name}`;
  };
  const kept = [
    `.jail.uchroot-${digits}0`,
    `.jail.uchroot-${digits.slice(1)}`,
    `.jail.uchroot-${digits.toUpperCase()}`,
    `.other.uchroot-${digits}`,
    `jail.uchroot-${digits}`,
  ];
  kept.forEach(left);
  const theirs = `.jail.uchroot-${digits.replace('0', '1')}`;
  chownSync(left(theirs), 1234, 1234);
  const link = `.jail.uchroot-${digits.replace('0', '2')}`;
  symlinkSync(kept[3] ?? '', `${base}/${link}`);
  const locked = `.jail.uchroot-${digits.replace('0', '3')}`;
  const fd = openSync(left(locked), constants.O_RDONLY | constants.O_DIRECTORY);
  t.ok(native.lockFile(fd));
  left(`.jail.uchroot-${digits}`);
  makeTemplate(`${base}/jail`);
  await removeJail({ directory: `${base}/jail` });
  t.same(readdirSync(base).toSorted(), [...kept, theirs, link, locked].toSorted());
  closeSync(fd);
  await removeJail({ directory: `${base}/jail` });
  t.same(readdirSync(base).toSorted(), [...kept, theirs, link].toSorted());
  await t.rejects(removeJail({ directory: `${base}/jail` }), { code: 'ENOENT' });
  t.ok(lstatSync(`${base}/${kept[3]}/sub`).isDirectory());
});

// Puts a directory that is not empty in the place of one that is being emptied, and links to what is outside, for ever.
const SWAPPER = `
  const { mkdirSync, renameSync, symlinkSync, writeFileSync } = require('fs');
  const attempt = (work) => { try { work(); } catch {} };
  process.stdout.write('ready', () => {
    for (let i = 0; ; i++) {
      attempt(() => mkdirSync('dir'));
      attempt(() => writeFileSync('dir/' + i, ''));
      attempt(() => symlinkSync(process.argv[1], 'link'));
      attempt(() => renameSync('dir', 'away'));
      attempt(() => renameSync('link', 'dir'));
      attempt(() => renameSync('dir', 'link'));
      attempt(() => renameSync('away', 'dir'));
    }
  });`;

t.test('whoever exchanges things meanwhile cannot lead it astray or hold it', asRoot, async (t) => {
  const base = makeDirectory(t);
  const checkOutside = makeOutside(t, base);
  const jail = makeTemplate(`${base}/jail`);
  mkdirSync(`${jail}/play`);
  const end = await beginProcess(t, [process.execPath, '-e', SWAPPER, `${base}/outside`], {
    cwd: `${jail}/play`,
  });
  const fd = openSync(jail, constants.O_RDONLY | constants.O_DIRECTORY);
  let removed = 0;
  for (let round = 0; round < 200; round++) {
    const work = native.emptyTree(fd, '.uchroot');
    const timer = globalThis.setTimeout(() => work.abort(), 5000);
    await work.done.then(
      () => removed++,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOTEMPTY') t.fail(`round ${round}: ${error.message}`);
      },
    );
    clearTimeout(timer);
    if (!existsSync(`${jail}/play`)) break;
  }
  await end();
  closeSync(fd);
  checkOutside();
  await removeJail({ directory: jail });
  t.same(readdirSync(base), ['outside']);
});

t.test('the longest name there is can be cloned to and removed', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  const directory = `${base}/${'n'.repeat(255)}`;
  await cloneJail({ template, directory });
  t.ok(existsSync(directory));
  await removeJail({ directory });
  t.same(readdirSync(base), ['template']);
});
