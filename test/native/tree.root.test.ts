// The addon's operations on trees. Their effects on a jail are tested in test/jail/{clone,remove}.root.test.ts.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { native } from '../../lib/native.ts';
import { makeTemplate, namesIn, textOf } from '../support/jail/scene.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessRoot } from '../support/root.ts';
import { plainEnv, fdsBecome, fdsFallTo, settledFds } from '../support/service.ts';

const asRoot = { skip: unlessRoot() };

t.test('renameAll renames in order, within the root, and tells where it stopped', asRoot, async (t) => {
  const base = makeDirectory(t);
  const jail = makeTemplate(`${base}/jail`);
  symlinkSync(base, `${jail}/out`);
  const fd = openSync(jail, constants.O_RDONLY);
  for (const name of ['a', 'b', 'c']) writeFileSync(`${jail}/tmp/${name}`, name);
  native.renameAll(fd, [
    ['tmp/a', '/etc/a'],
    ['/tmp/b', '/etc/a'],
  ]);
  t.same(namesIn(`${jail}/etc`), ['a', 'name']);
  t.equal(textOf(`${jail}/etc/a`), 'b');
  const moved =
    (...pairs: (readonly [string, string])[]) =>
    () =>
      native.renameAll(fd, pairs);
  const good = ['/tmp/c', '/etc/c'] as const;
  t.throws(moved(good, ['/tmp/none', '/etc/x']), { code: 'ENOENT', syscall: 'rename', index: 1, renamed: 1 });
  t.ok(existsSync(`${jail}/etc/c`));
  t.throws(moved(['/etc/c', '/tmp/c'], ['/none/x', '/etc/x']), {
    code: 'ENOENT',
    syscall: 'openat2',
    path: '/none/x',
    index: 1,
    renamed: 0,
  });
  t.ok(existsSync(`${jail}/etc/c`), 'nothing is renamed before all directories are open');
  t.throws(moved(['/etc/c', '/out/c']), { code: 'ELOOP' });
  t.throws(moved(['/etc/c', '/etc/..']), { code: 'EINVAL' });
  t.throws(() => native.renameAll(fd, ['x'] as never), TypeError);
  t.throws(() => native.inRootRenameNew(fd, '/etc/c', '/etc/name'), { code: 'EEXIST' });
  t.same(namesIn(base), ['jail']);
  const before = await settledFds();
  mkdirSync(`${jail}/many`);
  const pairs = Array.from({ length: 3000 }, (_, i) => [`/many/${i}`, `/tmp/${i}`] as const);
  for (const [from] of pairs) writeFileSync(jail + from, '');
  native.renameAll(fd, pairs);
  t.equal(namesIn(`${jail}/tmp`).length, 3000);
  t.ok(await fdsFallTo(before));
  closeSync(fd);
});

t.test('arguments that cannot be meant are refused, and nothing stays open', asRoot, async (t) => {
  const base = makeDirectory(t);
  const fd = openSync(base, constants.O_RDONLY);
  const before = await settledFds();
  const onEnd = (): void => void t.fail('it must not begin');
  for (const name of ['', '.', '..', 'a/b', 'a\0b', 7])
    t.throws(() => native.removeTree(fd, name as never, '', onEnd), TypeError);
  for (const last of ['.', '..', '/x']) t.throws(() => native.removeTree(fd, 'a', last, onEnd), TypeError);
  t.throws(() => native.copyTree(fd, fd, 'x' as never, onEnd), TypeError);
  t.throws(() => native.copyTree(fd, fd, [7 as never], onEnd), TypeError);
  t.throws(() => native.copyTree(fd, fd, [], undefined as never), TypeError);
  t.throws(() => native.copyTree(fd, 2 ** 30, [], onEnd), { code: 'EBADF' });
  t.throws(() => native.copyTree(-1, fd, [], onEnd), RangeError);
  t.ok(await fdsBecome(before));
  closeSync(fd);
});

t.test('a directory is not copied into itself', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/a/target`, { recursive: true });
  const [source, target] = [`${base}/a`, `${base}/a/target`].map((path) =>
    openSync(path, constants.O_RDONLY),
  );
  const failure = await new Promise((resolve) => native.copyTree(source ?? -1, target ?? -1, [], resolve));
  t.match(failure, { syscall: 'openat2', inTarget: false, path: Buffer.from('/target') });
  closeSync(source ?? -1);
  closeSync(target ?? -1);
  t.same(readdirSync(`${base}/a/target`), []);
});

t.test('what throws at the end is an uncaught exception, as of any event', asRoot, async (t) => {
  const base = makeDirectory(t);
  const fd = openSync(base, constants.O_RDONLY);
  const script = `const m = { exports: {} }; process.dlopen(m, process.argv[1]);
    process.on('uncaughtException', (error) => console.log(error.message));
    m.exports.removeTree(Number(process.argv[2]), 'none', '', () => { throw new Error('mine'); });`;
  const addon = `${import.meta.dirname}/../../../build/Release/uchroot.node`;
  const words = ['-e', script, addon, '3'];
  const { stdout, status } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    env: plainEnv(),
    stdio: ['ignore', 'pipe', 'inherit', fd],
  });
  t.same([stdout, status], ['mine\n', 0]);
  closeSync(fd);
});
