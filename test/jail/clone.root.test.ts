import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';

import t from 'tap';

import { cloneJail } from '../../lib/jail/clone.ts';
import { listJail } from '../../lib/jail/list.ts';
import type { Progress } from '../../lib/jail/progress.ts';
import { removeJail } from '../../lib/jail/remove.ts';
import { describeTree, everythingIn, makeDirectory, uchrootJail } from '../support/builder.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';
import { beginProcess, fill, makeDeep, makeTemplate, mount, must } from '../support/template.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot() || unlessInstalled(...tools) });

/** ACLs and extended attributes of a whole tree; those of links are the links' own. */
function attributesOf(directory: string): string {
  const acls = must(['getfacl', '-R', '-P', '-n', '.'], directory);
  return acls + must(['getfattr', '-R', '-P', '-h', '-d', '-m', '-', '.'], directory);
}

t.test('content, mode, owner, times and links are as in the template', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(`${template}/data`, 250);
  for (const [index, mode] of [0o600, 0o444, 0o755, 0o1777, 0o000].entries()) {
    writeFileSync(`${template}/file${index}`, Buffer.alloc(index * 100_000, index + 1));
    chownSync(`${template}/file${index}`, 1000 + index, 2000 + index);
    chmodSync(`${template}/file${index}`, mode);
    mkdirSync(`${template}/dir${index}`);
    chownSync(`${template}/dir${index}`, 1000 + index, 2000 + index);
    chmodSync(`${template}/dir${index}`, mode | 0o2000);
  }
  const names = ['two\nlines', '\u001b[31m', ' ', '-rf', '"', '\\012', Buffer.from([0x66, 0xff, 0xfe])];
  for (const name of names)
    writeFileSync(Buffer.concat([Buffer.from(`${template}/`), Buffer.from(name)]), String(name));
  symlinkSync('/etc', `${template}/etc`);
  symlinkSync('../../../../etc/shadow', `${template}/data/shadow`);
  symlinkSync('x'.repeat(4095), `${template}/long`);
  must(['mknod', '-m', '0622', `${template}/null`, 'c', '1', '3']);
  must(['mknod', `${template}/disk`, 'b', '7', '200']);
  must(['mkfifo', '-m', '0640', `${template}/fifo`]);
  must(['find', '.', '-exec', 'touch', '-h', '-d', '2001-02-03 04:05:06.123456789', '{}', '+'], template);
  must(['touch', '-d', '1969-12-31 23:59:59.000000001 UTC', `${template}/file1`, `${template}/dir1`]);
  chmodSync(template, 0o751);

  const report = await cloneJail({ template, directory: `${base}/new/clone` });
  t.same(describeTree(`${base}/new/clone`), describeTree(template));
  t.match(report, { files: 250 + 5 + names.length + 1, skipped: [] });
  t.same(readdirSync(`${base}/new`), ['clone'], 'and nothing beside it');
  t.match(await listJail({ directory: `${base}/new/clone` }), { files: [] }, 'it is a jail of its own');
  t.ok(lstatSync(`${base}/new/clone/etc`).isSymbolicLink());
});

t.test('ACLs and extended attributes come along', needs('setfacl', 'setfattr'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${template}/dir/sub`, { recursive: true });
  writeFileSync(`${template}/dir/file`, 'x');
  must(['setfacl', '-m', 'u:1234:rwx,g:99:r', `${template}/dir/file`]);
  must(['setfacl', '-m', 'u:77:rx', '-d', '-m', 'u:77:rwx', `${template}/dir`]);
  must(['mkfifo', '-m', '0640', `${template}/fifo`]);
  must(['setfacl', '-m', 'u:1234:rw', `${template}/fifo`]);
  must(['setfattr', '-n', 'user.note', '-v', 'a note', `${template}/dir/file`]);
  must(['setfattr', '-n', 'user.long', '-v', 'y'.repeat(3000), `${template}/dir/file`]);
  must(['setfattr', '-n', 'trusted.note', '-v', '', `${template}/dir/sub`]);
  await cloneJail({ template, directory: `${base}/clone` });
  t.equal(attributesOf(`${base}/clone`), attributesOf(template));
});

t.test('a default ACL of the place where it is made gives nobody a right', needs('setfacl'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(`${template}/data`, 3);
  chmodSync(`${template}/data`, 0o775);
  mkdirSync(`${base}/place`);
  must(['setfacl', '-d', '-m', 'u:1234:rwx', `${base}/place`]);
  await cloneJail({ template, directory: `${base}/place/clone` });
  t.equal(attributesOf(`${base}/place/clone`), attributesOf(template));
});

t.test('hard links are kept among each other, and shared with nobody', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${template}/a/b`, { recursive: true });
  writeFileSync(`${template}/one`, 'one');
  symlinkSync('one', `${template}/link`);
  must(['mkfifo', `${template}/fifo`]);
  for (const name of ['one', 'link', 'fifo'])
    for (const other of ['a/', 'a/b/']) must(['ln', '-P', name, `${other}${name}`], template);
  linkSync(`${template}/one`, `${base}/outside`);
  await cloneJail({ template, directory: `${base}/clone` });
  for (const name of ['one', 'link', 'fifo']) {
    const inodes = ['', 'a/', 'a/b/'].map((above) => lstatSync(`${base}/clone/${above}${name}`).ino);
    t.equal(new Set(inodes).size, 1, name);
    t.equal(lstatSync(`${base}/clone/${name}`).nlink, 3);
  }
  const inodesOf = (directory: string) =>
    everythingIn(directory).map((name) => lstatSync(`${directory}/${name}`).ino);
  const theirs = new Set(inodesOf(template));
  t.notOk(inodesOf(`${base}/clone`).some((inode) => theirs.has(inode)));
  writeFileSync(`${base}/clone/one`, 'two');
  t.equal(readFileSync(`${template}/one`, 'utf8'), 'one');
  t.equal(readFileSync(`${base}/clone/a/b/one`, 'utf8'), 'two');
});

t.test('holes take neither time nor space', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  writeFileSync(`${template}/sparse`, 'begin');
  truncateSync(`${template}/sparse`, 100 * 2 ** 30);
  writeFileSync(`${template}/sparse`, 'end', { flag: 'a' });
  const before = performance.now();
  const { sizeBytes } = await cloneJail({ template, directory: `${base}/clone` });
  t.ok(performance.now() - before < 5000);
  t.ok(sizeBytes > 100 * 2 ** 30);
  const { size, blocks } = statSync(`${base}/clone/sparse`);
  t.equal(size, 100 * 2 ** 30 + 3);
  t.ok(blocks < 100, `${blocks} blocks`);
  t.equal(must(['tail', '-c', '3', `${base}/clone/sparse`]), 'end');
  t.equal(must(['head', '-c', '5', `${base}/clone/sparse`]), 'begin');
});

t.test('privileges of programs are dropped, unless the recipe keeps them', needs('setcap'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`, ['/kept', '/link']);
  for (const name of ['kept', 'dropped', 'far']) {
    writeFileSync(`${template}/${name}`, 'x');
    must(['setcap', 'cap_net_raw+ep', `${template}/${name}`]);
    chmodSync(`${template}/${name}`, 0o6755);
  }
  symlinkSync('far', `${template}/link`);
  mkdirSync(`${template}/shared`);
  chmodSync(`${template}/shared`, 0o2775);
  await cloneJail({ template, directory: `${base}/clone` });
  const modeOf = (name: string) => statSync(`${base}/clone/${name}`).mode & 0o7777;
  t.same(['kept', 'far', 'dropped', 'shared'].map(modeOf), [0o6755, 0o6755, 0o755, 0o2775]);
  const capabilities = must(['getcap', '-r', `${base}/clone`]);
  t.match(capabilities, /\/kept cap_net_raw=ep\n/);
  t.match(capabilities, /\/far cap_net_raw=ep\n/);
  t.notMatch(capabilities, /dropped/);
});

t.test('sockets and what is mounted are left out, and told', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  for (const name of ['proc', 'bound', 'dev']) mkdirSync(`${template}/${name}`);
  for (const name of ['hosts', 'own', 'twin', 'dev/null']) writeFileSync(`${template}/${name}`, name);
  linkSync(`${template}/own`, `${template}/another`);
  mkdirSync(`${base}/outside`);
  writeFileSync(`${base}/outside/secret`, 'secret');
  mount(t, '-t', 'tmpfs', 'none', `${template}/proc`);
  mount(t, '--bind', `${base}/outside`, `${template}/bound`);
  mount(t, '--bind', `${base}/outside/secret`, `${template}/hosts`);
  mount(t, '--bind', '/dev/null', `${template}/dev/null`);
  // the same inode as a file that is copied
  mount(t, '--bind', `${template}/own`, `${template}/twin`);
  await beginProcess(t, [
    process.execPath,
    '-e',
    `require('net').createServer().listen('${template}/so\\ncket', () => console.log('ready'))`,
  ]);
  const { skipped } = await cloneJail({ template, directory: `${base}/clone` });
  t.same(skipped.toSorted(), [
    ...['/bound', '/dev/null', '/hosts', '/proc'].map((path) => `${path}: something is mounted there`),
    '/so\\ncket: a socket: whoever listens on it is not in the copy',
    '/twin: something is mounted there',
  ]);
  t.same(everythingIn(`${base}/clone`), [
    '.uchroot',
    '.uchroot/manifest.json.gz',
    'another',
    'bound',
    'dev',
    'own',
    'proc',
  ]);
  const ended = uchrootJail(['clone', template, `${base}/clone2`]);
  t.equal(ended.status, 0);
  t.equal(ended.stderr.match(/^uchroot-jail: warning: [^\n]+$/gm)?.length, 6);
});

t.test('what is left out fills neither memory nor screen', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  const script = `for (let i = 0; i < 1100; i++) require('net').createServer().listen('s' + i, () => i);
    setTimeout(() => console.log('ready'), 300)`;
  await beginProcess(t, [process.execPath, '-e', script], { cwd: template });
  const { skipped } = await cloneJail({ template, directory: `${base}/clone` });
  t.equal(skipped.length, 1001);
  t.equal(skipped.at(-1), 'and 100 more');
});

t.test('directories may lie 300 deep in each other, but not 1500', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  makeDeep(template, 300);
  await cloneJail({ template, directory: `${base}/clone` });
  t.equal(readFileSync(`${base}/clone${'/d'.repeat(300)}/file`, 'utf8'), 'deep\n');
  mkdirSync(`${template}/deeper`);
  makeDeep(`${template}/deeper`, 1500);
  await t.rejects(cloneJail({ template, directory: `${base}/clone2` }), {
    name: 'JailError',
    code: 'ENAMETOOLONG',
    hint: 'directories lie too deep in each other, or a name is too long',
  });
  t.same(readdirSync(base), ['clone', 'template']);
  await removeJail({ directory: template });
});

t.test('what is no template and no place for a clone is refused, and nothing is left', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(template, 3);
  for (const name of ['plain', 'full', 'empty', 'mounted', 'theirs']) mkdirSync(`${base}/${name}`);
  writeFileSync(`${base}/full/x`, '');
  writeFileSync(`${base}/file`, '');
  symlinkSync('empty', `${base}/link`);
  mount(t, '-t', 'tmpfs', 'none', `${base}/mounted`);
  chownSync(`${base}/theirs`, 1234, 1234);
  // without times: what is made above a clone is removed again
  const describe = () => describeTree(base, { directoryTimes: false });
  const before = describe();
  const rows: readonly [from: string, to: string, code: string | undefined][] = [
    ['plain', 'new', 'ERR_NO_MANIFEST'],
    ['nowhere', 'new', 'ENOENT'],
    ['file', 'new', 'ENOTDIR'],
    ['template', 'full', 'ENOTEMPTY'],
    ['template', 'file', 'ENOTDIR'],
    ['template', 'link', 'ENOTDIR'],
    ['template', 'mounted', 'EBUSY'],
    ['template', 'file/new', 'ENOTDIR'],
    ['template', 'theirs/new', 'ERR_INSECURE_PATH'],
    ['template', 'template', 'ENOTEMPTY'],
    ['template', 'template/clone', undefined],
    ['template', 'template/d0/new/clone', undefined],
  ];
  for (const [from, to, code] of rows) {
    const cloning = cloneJail({ template: `${base}/${from}`, directory: `${base}/${to}` });
    const expected = code === undefined ? { name: 'UsageError' } : { name: 'JailError', code };
    await t.rejects(cloning, expected, `${from} ${to}`);
    const { status, stdout, stderr } = uchrootJail(['clone', `${base}/${from}`, `${base}/${to}`]);
    t.match({ status, stdout }, { status: 1, stdout: '' });
    t.match(stderr, /^uchroot-jail: [^\n]+\n(?:hint: [^\n]+\n)?$/);
  }
  t.same(describe(), before);
  await t.rejects(cloneJail({ template, directory: '/' }), { name: 'UsageError' });
  // @ts-expect-error: misspelt
  await t.rejects(cloneJail({ template, directory: `${base}/new`, singal: 1 }), { name: 'UsageError' });
});

t.test('a template that is bound where its clone is to be is not copied into itself', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${template}/srv`);
  mkdirSync(`${base}/bound`);
  mount(t, '--bind', `${template}/srv`, `${base}/bound`);
  await t.rejects(cloneJail({ template, directory: `${base}/bound/clone` }), { code: 'EINVAL' });
  t.same(readdirSync(`${template}/srv`), []);
});

t.test('a clone may take the place of an empty directory', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${base}/clone`, { mode: 0o777 });
  const { status, stdout, stderr } = uchrootJail(['clone', template, `${base}/clone`]);
  t.match({ status, stderr }, { status: 0, stderr: '' });
  t.match(stdout, /1 file/);
  t.same(describeTree(`${base}/clone`), describeTree(template));
});

t.test('a template that somebody works on is left alone', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  await beginProcess(t, ['flock', '-F', `${template}/.uchroot`, 'sh', '-c', 'echo; exec sleep 60']);
  await t.rejects(cloneJail({ template, directory: `${base}/clone` }), { code: 'EBUSY' });
  t.same(readdirSync(base), ['template']);
});

t.test('a disk that is full half-way: nothing is left', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(`${template}/data`, 16, Buffer.alloc(2 ** 20, 1));
  mkdirSync(`${base}/small`);
  mount(t, '-t', 'tmpfs', '-o', 'size=8m,mode=755', 'none', `${base}/small`);
  const { status, stderr } = uchrootJail(['clone', template, `${base}/small/new/clone`]);
  t.equal(status, 1);
  t.match(stderr, /^uchroot-jail: [^\n]*ENOSPC[^\n]*\nhint: make room[^\n]*\n$/);
  t.same(readdirSync(`${base}/small`), []);
  t.match(must(['df', '--output=used', `${base}/small`]), /\n *[0-9]\n/);
});

t.test('a clone that is aborted leaves nothing', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(`${template}/data`, 20, Buffer.alloc(2 ** 20, 1));
  writeFileSync(`${template}/big`, Buffer.alloc(100 * 2 ** 20, 1));
  const expected = { name: 'JailError', code: 'ABORT_ERR', cause: { message: 'enough' } };
  for (const wait of [() => 0, () => setImmediate(), () => setTimeout(5), () => setTimeout(20)]) {
    const controller = new AbortController();
    const cloning = cloneJail({ template, directory: `${base}/new/clone`, signal: controller.signal });
    const isRejected = t.rejects(cloning, expected);
    await wait();
    controller.abort(new Error('enough'));
    await isRejected;
    t.same(readdirSync(base), ['template']);
  }
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(cloneJail({ template, directory: `${base}/clone`, signal }), expected);
  const onProgress = () => {
    throw new Error('enough');
  };
  await t.rejects(cloneJail({ template, directory: `${base}/clone`, onProgress }), { message: 'enough' });
  t.same(readdirSync(base), ['template']);
});

t.test('progress ends with everything', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(template, 20);
  const seen: Progress[] = [];
  await cloneJail({ template, directory: `${base}/clone`, onProgress: (now) => seen.push(now) });
  t.match(seen.at(-1), { phase: 'copy', files: 21 });
});

const CALLS = ['mkdirat', 'fchown', 'fchmod', 'symlinkat', 'utimensat', 'renameat'];

t.test(
  'what a clone that was killed has left, the next one removes',
  { skip: unlessRoot() || unlessInstalled('strace') || (sanitized && 'too slow under strace') },
  async (t) => {
    const base = makeDirectory(t);
    const template = makeTemplate(`${base}/template`);
    fill(`${template}/data`, 150);
    symlinkSync('data', `${template}/link`);
    let left = 0;
    for (const call of CALLS) {
      for (const when of [1, 2, 40]) {
        const inject = `inject=${call}:signal=SIGKILL:when=${when}`;
        const by = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${CALLS.join(',')}`, '-e', inject];
        const { status } = uchrootJail(['clone', template, `${base}/clone`], { by });
        if (status === 0) break;
        const names = readdirSync(base).filter((name) => name !== 'template');
        t.ok(
          names.every((name) => /^\.clone\.uchroot-[0-9a-f]{24}$/.test(name)),
          `${call} ${when}`,
        );
        left += names.length;
        await cloneJail({ template, directory: `${base}/clone` });
        t.same(readdirSync(base), ['clone', 'template']);
        t.same(describeTree(`${base}/clone`), describeTree(template));
        await removeJail({ directory: `${base}/clone` });
      }
      rmSync(`${base}/clone`, { recursive: true, force: true });
    }
    t.ok(left > 8, `${left} were left`);
  },
);

// Exchanges what has these names, for ever, as somebody in the template can.
const SWAPPER = `
  const { renameSync } = require('fs');
  process.stdout.write('ready', () => {
    for (;;) {
      for (const name of ['dir', 'file', 'deep/dir']) {
        renameSync(name, name + '-away'); renameSync(name + '-evil', name);
        renameSync(name, name + '-evil'); renameSync(name + '-away', name);
      }
    }
  });`;

t.test(
  'whoever exchanges things meanwhile gets nothing from outside, and holds nobody',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const template = makeTemplate(`${base}/template`);
    mkdirSync(`${base}/outside`);
    for (const name of ['x', 'secret']) writeFileSync(`${base}/outside/${name}`, 'secret');
    for (const above of ['', 'deep/']) {
      mkdirSync(`${template}/${above}dir`, { recursive: true });
      writeFileSync(`${template}/${above}dir/x`, 'inside');
      symlinkSync(`${base}/outside`, `${template}/${above}dir-evil`);
    }
    writeFileSync(`${template}/file`, 'inside');
    must(['mkfifo', `${template}/file-evil`]);
    const end = await beginProcess(t, [process.execPath, '-e', SWAPPER], { cwd: template });
    const outside = new Set(['secret']);
    let met = 0;
    for (let round = 0; round < 300; round++) {
      const directory = `${base}/clone`;
      const { skipped } = await cloneJail({ template, directory });
      met += skipped.length;
      for (const name of everythingIn(directory)) {
        const path = `${directory}/${name}`;
        const status = lstatSync(path);
        if (status.isSymbolicLink()) t.ok(readlinkSync(path) === `${base}/outside` || t.fail(path));
        if (name.endsWith('secret')) t.fail(`${path} is from outside`);
        if (status.isFile() && outside.has(readFileSync(path, 'latin1'))) t.fail(`${path} is from outside`);
      }
      rmSync(directory, { recursive: true });
    }
    t.comment(`${met} exchanges were met`);
    await end();
    t.same(readdirSync(base), ['outside', 'template']);
  },
);

// The time less that for which other programs had the processor (/proc/PID/schedstat, its second figure, in ns).
function runningMs(): number {
  const waitedNs = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[1];
  return performance.now() - Number(waitedNs) / 1e6;
}

const quick = { skip: unlessRoot() || (sanitized && 'slow with sanitizers') };

t.test('the event loop goes on while 200 MB are copied', quick, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(`${template}/data`, 200, Buffer.alloc(2 ** 20, 1));
  await cloneJail({ template, directory: `${base}/warm` });
  await removeJail({ directory: `${base}/warm` });
  const longest: number[] = [];
  for (let round = 0; round < 5 && !longest.some((ms) => ms < 20); round++) {
    const work = { isDone: false };
    const cloning = cloneJail({ template, directory: `${base}/clone` }).finally(() => (work.isDone = true));
    let gapMs = 0;
    for (let last = runningMs(); !work.isDone; last = runningMs()) {
      await setImmediate();
      gapMs = Math.max(gapMs, runningMs() - last);
    }
    await cloning;
    longest.push(gapMs);
    await removeJail({ directory: `${base}/clone` });
  }
  t.ok(Math.min(...longest) < 20, `held for ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms`);
});

t.test('no descriptor is left open, whatever comes of it', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  fill(template, 10);
  const bad = makeTemplate(`${base}/bad`);
  makeDeep(bad, 1010);
  const round = async (): Promise<void> => {
    await cloneJail({ template, directory: `${base}/clone` });
    await t.rejects(cloneJail({ template, directory: `${base}/clone` }), { code: 'ENOTEMPTY' });
    await removeJail({ directory: `${base}/clone` });
    await t.rejects(removeJail({ directory: `${base}/clone` }), { code: 'ENOENT' });
  };
  await round();
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 200; i++) await round();
  await t.rejects(cloneJail({ template: bad, directory: `${base}/clone` }), { code: 'ENAMETOOLONG' });
  t.equal(readdirSync('/proc/self/fd').length, before);
  await removeJail({ directory: bad });
});

t.test('the command says what it has done, and how it is called', asRoot, async (t) => {
  for (const words of [['clone'], ['clone', '/a'], ['clone', '/a', '/b', '/c']])
    t.match(uchrootJail(words), { status: 1, stderr: 'Usage: uchroot-jail clone TEMPLATE DIRECTORY\n' });
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  const by = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const cloning = uchrootJail(['clone', template, `${base}/clone`], { by });
  t.match(cloning, { status: 1, stdout: '', stderr: /^uchroot-jail: a jail can be cloned by root only\n/ });
});
