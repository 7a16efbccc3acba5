// The file operations of native/files/inroot.cc as such.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { native } from '../../lib/native.ts';
import { unlessRoot } from '../support/root.ts';

const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** outside/secret beside jail/, which has links that would lead there. */
function makeJail(t: Test): { readonly base: string; readonly jail: string; readonly fd: number } {
  const base = t.testdir({ outside: { secret: 'secret' }, jail: { d: { f: 'hello' } } });
  const jail = `${base}/jail`;
  symlinkSync(`${base}/outside`, `${jail}/absolute`);
  symlinkSync('../outside', `${jail}/relative`);
  symlinkSync('/d', `${jail}/inner`);
  const fd = openSync(jail, constants.O_RDONLY | constants.O_DIRECTORY);
  t.teardown(() => closeSync(fd));
  return { base, jail, fd };
}

t.test(
  'nothing is changed by way of a link, also of one that leads to a directory of the root',
  async (t) => {
    const { base, jail, fd } = makeJail(t);
    for (const link of ['absolute', 'relative', 'inner']) {
      const code = { code: 'ELOOP' };
      t.throws(() => native.inRootMkdir(fd, `/${link}/x`, 0o755), {
        ...code,
        syscall: 'mkdir',
        path: `/${link}/x`,
      });
      t.throws(() => native.inRootSymlink(fd, { target: 'target', path: `/${link}/x`, ...own }), code);
      t.throws(() => native.inRootOpen(fd, `/${link}/x`, WRITE, 0o644), code);
      t.throws(() => native.inRootRename(fd, '/d/f', `/${link}/x`), code);
      t.throws(() => native.renameAll(fd, [['/d/f', `/${link}/x`]]), code);
      t.throws(() => native.inRootUnlink(fd, `/${link}/f`), code);
    }
    t.same(readdirSync(`${jail}/d`), ['f']);
    t.same(readdirSync(`${base}/outside`), ['secret']);
  },
);

t.test('no way upwards leads out of the root', async (t) => {
  const { base, jail, fd } = makeJail(t);
  native.inRootMkdir(fd, '/../../d/x', 0o755);
  native.inRootSymlink(fd, { target: '../f', path: 'd/x/link', ...own });
  t.ok(statSync(`${jail}/d/x`).isDirectory());
  t.equal(readlinkSync(`${jail}/d/x/link`), '../f');
  t.same(readdirSync(base).toSorted(), ['jail', 'outside']);
});

t.test('the last component is never followed, and must be a name', async (t) => {
  const { jail, fd } = makeJail(t);
  for (const path of ['', '/', '//', '.', '..', '/d/.', '/d/..', '/d/../']) {
    t.throws(() => native.inRootMkdir(fd, path, 0o755), { code: 'EINVAL' }, `mkdir ${path}`);
    t.throws(() => native.inRootRmdir(fd, path), { code: 'EINVAL' }, `rmdir ${path}`);
    t.throws(() => native.inRootRename(fd, path, '/x'), { code: 'EINVAL' }, `rename ${path}`);
    t.throws(() => native.inRootRename(fd, '/d', path), { code: 'EINVAL' }, `rename to ${path}`);
  }
  t.throws(() => native.inRootOpen(fd, '/inner', WRITE, 0o644), { code: 'EEXIST' });
  t.throws(() => native.inRootMkdir(fd, '/inner', 0o755), { code: 'EEXIST' });
  native.inRootUnlink(fd, '/inner');
  t.ok(existsSync(`${jail}/d/f`), 'the link is gone, not what it led to');
});

t.test('files are made, renamed and removed by their path in the root', async (t) => {
  const { jail, fd } = makeJail(t);
  const file = native.inRootOpen(fd, '/d/new', WRITE, 0o600);
  t.equal(fstatSync(file).mode & 0o7777, 0o600);
  closeSync(file);
  native.inRootRename(fd, '/d/new', '/d/renamed');
  t.ok(existsSync(`${jail}/d/renamed`));
  native.inRootMkdir(fd, '/d/sub', 0o700);
  native.inRootRmdir(fd, '/d/sub');
  t.notOk(existsSync(`${jail}/d/sub`));
  t.throws(() => native.inRootRmdir(fd, '/d'), { code: 'ENOTEMPTY', syscall: 'rmdir' });
  native.inRootSync(fd);
});

const call =
  (name: 'inRootMkdir' | 'inRootOpen' | 'inRootLstat', ...args: readonly unknown[]) =>
  () =>
    (native[name] as (...args: readonly unknown[]) => unknown)(...args);

t.test('arguments of a wrong kind are refused', async (t) => {
  const { fd } = makeJail(t);
  t.throws(call('inRootMkdir', fd, '/a\0b', 0o755), TypeError);
  t.throws(call('inRootMkdir', -1, '/a', 0o755), RangeError);
  t.throws(call('inRootMkdir', fd, 17, 0o755), TypeError);
  t.throws(call('inRootMkdir', fd, '/a'), RangeError);
  t.throws(call('inRootOpen', fd, '/a', 0, 'mode'), RangeError);
  t.throws(call('inRootLstat'), RangeError);
  t.throws(call('inRootLstat', 4_000_000, '/a'), { code: 'EBADF' });
});

t.test('a file is copied with content and modification time, also an empty one', async (t) => {
  const { base } = makeJail(t);
  const contents = [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(3_000_001, 'uchroot')];
  for (const [index, content] of contents.entries()) {
    writeFileSync(`${base}/source`, content);
    const source = openSync(`${base}/source`, 'r');
    const target = openSync(`${base}/target${index}`, 'w');
    native.copyFile(source, target);
    closeSync(source);
    closeSync(target);
    t.ok(readFileSync(`${base}/target${index}`).equals(content), `${content.length} bytes`);
    const times = [`${base}/source`, `${base}/target${index}`].map(
      (path) => statSync(path, { bigint: true }).mtimeNs,
    );
    t.equal(times[0], times[1]);
  }
});

t.test('a file of /proc, which says that it is empty, is copied whole', async (t) => {
  const { base } = makeJail(t);
  const source = openSync('/proc/self/status', 'r');
  const target = openSync(`${base}/target`, 'w');
  native.copyFile(source, target);
  closeSync(source);
  closeSync(target);
  t.match(readFileSync(`${base}/target`, 'utf8'), /^Name:/);
});

t.test('a device has exactly the mode it is given', { skip: unlessRoot() }, async (t) => {
  const { jail, fd } = makeJail(t);
  const old = process.umask(0o077);
  try {
    native.inRootMknod(fd, '/d/null', constants.S_IFCHR | 0o666, 1, 3);
  } finally {
    process.umask(old);
  }
  const status = lstatSync(`${jail}/d/null`);
  t.ok(status.isCharacterDevice());
  t.equal(status.mode & 0o7777, 0o666);
  t.equal(status.rdev, 0x103);
  t.throws(() => native.inRootMknod(fd, '/d/null', constants.S_IFCHR | 0o666, 1, 3), { code: 'EEXIST' });
});

t.test('bytes are read where they are asked for, and fewer only at the end', async (t) => {
  const { fd: root } = makeJail(t);
  const fd = native.openFileInRoot(root, '/d/f', new Float64Array(8)) ?? -1;
  const read = (offset: number, length: number) => {
    const bytes = new Uint8Array(length).fill(0x2e);
    const count = native.readAt(fd, bytes, offset);
    return [count, Buffer.from(bytes).toString()];
  };
  t.same(read(0, 5), [5, 'hello']);
  t.same(read(1, 3), [3, 'ell']);
  t.same(read(3, 4), [2, 'lo..']);
  t.same(read(5, 2), [0, '..']);
  t.same(read(2 ** 40, 1), [0, '.']);
  t.same(read(0, 0), [0, '']);
  const within = Buffer.from('[------]');
  t.equal(native.readAt(fd, within.subarray(1, 7), 0), 5);
  t.equal(within.toString(), '[hello-]', 'a part of a larger array');
  t.throws(() => native.readAt(fd, new Uint8Array(1), -1), { code: 'EINVAL', syscall: 'read' });
  t.throws(() => native.readAt(fd, new Uint16Array(1) as unknown as Uint8Array, 0), { name: 'TypeError' });
  t.throws(() => native.readAt(fd, new Uint8Array(1), '0' as unknown as number), { name: 'TypeError' });
  t.throws(() => native.readAt(-1, new Uint8Array(1), 0), { name: 'RangeError' });
  native.closeDescriptor(fd);
  t.throws(() => native.readAt(fd, new Uint8Array(1), 0), { code: 'EBADF', syscall: 'read' });
});

// The cause of CVE-2024-45310 of runc: a component is exchanged for a link while a path is resolved.
t.test('nothing gets out while directories are exchanged for links', async (t) => {
  const { base, jail, fd } = makeJail(t);
  mkdirSync(`${jail}/race/deep`, { recursive: true });
  const swap = `
    const fs = require('node:fs');
    const [jail, outside] = process.argv.slice(1);
    fs.writeSync(1, 'begun');
    for (let i = 0; ; i++) {
      fs.renameSync(jail + '/race', jail + '/kept');
      fs.symlinkSync(i % 2 ? outside : '../outside', jail + '/race');
      fs.unlinkSync(jail + '/race');
      fs.renameSync(jail + '/kept', jail + '/race');
    }`;
  const swapper = spawn(process.execPath, ['-e', swap, jail, `${base}/outside`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(swapper.stdout, 'data');
  const codes = new Set<string>();
  let made = 0;
  const attempts = [
    (i: number) => native.inRootMkdir(fd, `/race/n${i}`, 0o755),
    (i: number) => native.inRootMkdir(fd, `/race/deep/../n${i}`, 0o755),
    (i: number) => closeSync(native.inRootOpen(fd, `/race/deep/../../race/n${i}`, WRITE, 0o644)),
    () => {
      const secret = native.openFileInRoot(fd, '/race/secret', new Float64Array(8));
      if (secret !== undefined) closeSync(secret);
    },
  ];
  const end = performance.now() + 1500;
  for (let i = 0; performance.now() < end; i++) {
    try {
      attempts[i % attempts.length]?.(i);
      made++;
    } catch (error) {
      codes.add(String((error as NodeJS.ErrnoException).code));
    }
  }
  swapper.kill('SIGKILL');
  await new Promise((resolve) => swapper.once('exit', resolve));
  t.same(readdirSync(`${base}/outside`), ['secret']);
  t.ok(made > 0 && codes.has('ENOENT'), `${made} made, the rest ${[...codes].join(', ')}`);
  t.same(
    [...codes].filter((code) => !['ENOENT', 'EAGAIN', 'ELOOP'].includes(code)),
    [],
  );
});
