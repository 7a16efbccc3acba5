import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';

import * as fc from 'fast-check';
import t, { type Test } from 'tap';

import { bytePath } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { copyFiles, type FileFacts, readKnown } from '../../lib/jail/apply/file-facts.ts';
import type { FileEntry } from '../../lib/jail/manifest/planned-entry.ts';
import { native } from '../../lib/native.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

function entryOf(name: string): FileEntry {
  const path = bytePath(name);
  return { kind: 'file', path, source: path, sizeBytes: 0, mode: 0o640, reason: { how: 'copied' } };
}

interface Place {
  readonly base: string;
  /** Copies files of `base`, and returns the facts about each. */
  readonly copy: (names: readonly string[], wanted?: Partial<FileEntry>) => Promise<readonly FileFacts[]>;
}

function makePlace(t: Test): Place {
  const base = t.testdir();
  mkdirSync(`${base}/new`);
  const root = openFileRoot(base);
  const target = openSync(`${base}/new`, constants.O_RDONLY | constants.O_DIRECTORY);
  t.teardown(() => {
    root.close();
    closeSync(target);
  });
  let next = 0;
  return {
    base,
    copy: (names, wanted = {}) =>
      copyFiles(
        root.fd,
        target,
        names.map((name) => ({ number: next++, entry: { ...entryOf(`/${name}`), ...wanted } })),
      ),
  };
}

t.test('a copy has content, mode, owner and time, and its hash is that of its content', asRoot, async (t) => {
  const { base, copy } = makePlace(t);
  const sizes = [0, 1, 55, 56, 63, 64, 65, 119, 120, 4096, 262_143, 262_144, 262_145, 1_000_003];
  for (const size of sizes) writeFileSync(`${base}/${size}`, randomBytes(size));
  utimesSync(`${base}/1`, 17, 1_234_567_890.5);
  const facts = await copy(sizes.map(String), { mode: 0o4751, uid: 65534, gid: 12 });
  t.equal(facts.length, sizes.length);
  for (const [index, size] of sizes.entries()) {
    const content = readFileSync(`${base}/${size}`);
    t.ok(readFileSync(`${base}/new/${index}`).equals(content), `${size} bytes`);
    t.match(facts[index], { sizeBytes: size, sha256: sha256(content), mode: 0o4751, uid: 65534, gid: 12 });
  }
  t.match(statSync(`${base}/new/1`), { mode: 0o104751, uid: 65534, gid: 12, mtimeMs: 1_234_567_890_500 });
  t.equal(facts[1]?.mtimeMs, 1_234_567_890_500);
});

t.test('holes stay holes, and a file of /proc or /sys has the size of its content', asRoot, async (t) => {
  const { base, copy } = makePlace(t);
  writeFileSync(`${base}/sparse`, 'x');
  truncateSync(`${base}/sparse`, 5_000_001);
  const [sparse] = await copy(['sparse']);
  t.equal(sparse?.sha256, sha256(readFileSync(`${base}/sparse`)));
  t.ok(statSync(`${base}/new/0`).blocks * 512 < 1_000_000);
  const root = openFileRoot('/');
  const target = openSync(`${base}/new`, constants.O_RDONLY | constants.O_DIRECTORY);
  // stat(2) says that the one has 0 bytes, and the other 4096
  const paths = ['/proc/version', '/sys/devices/system/cpu/possible'];
  const wanted = paths.map((path, index) => ({ number: 7 + index, entry: entryOf(path) }));
  const copied = await copyFiles(root.fd, target, wanted);
  const known = await readKnown(
    wanted.map(({ entry }) => entry),
    { jail: root, sourceFd: root.fd },
  );
  for (const [index, path] of paths.entries()) {
    const content = readFileSync(path);
    t.same(readFileSync(`${base}/new/${7 + index}`), content, path);
    const facts = { sha256: sha256(content), sizeBytes: content.length };
    t.match(copied[index], facts, path);
    t.match(known.onHost(bytePath(path)), facts, path);
  }
  closeSync(target);
  root.close();
});

t.test('the first file that cannot be copied is named, and nothing after it is made', asRoot, async (t) => {
  const { base, copy } = makePlace(t);
  for (const name of ['a', 'b', 'secret']) writeFileSync(`${base}/${name}`, name);
  chmodSync(`${base}/secret`, 0o600);
  mkdirSync(`${base}/directory`);
  execFileSync('mkfifo', [`${base}/fifo`]);
  symlinkSync('a', `${base}/link`);
  symlinkSync('.', `${base}/way`);
  const wrong = [
    ['missing', {}, { code: 'ENOENT', syscall: 'openat2', index: 1 }],
    ['directory', {}, { code: 'EISDIR', index: 1 }],
    ['fifo', {}, { code: 'EINVAL', index: 1 }],
    ['link', {}, { code: 'ELOOP', syscall: 'openat2', index: 1 }],
    ['way/a', {}, { code: 'ELOOP', syscall: 'openat2', index: 1 }],
    ['secret', { mode: 0o644 }, { code: 'EAGAIN', syscall: 'exchanged', index: 1 }],
  ] as const;
  for (const [index, [name, wanted, error]] of wrong.entries()) {
    await t.rejects(copy(['a', name, 'b'], wanted), error, name);
    t.same(
      readdirSync(`${base}/new`),
      Array.from({ length: index + 1 }, (_, at) => String(at * 3)).toSorted(),
      name,
    );
  }
});

t.test('a copy replaces nothing, and follows no link that lies where it is to be', asRoot, async (t) => {
  const { base, copy } = makePlace(t);
  writeFileSync(`${base}/a`, 'a');
  symlinkSync(`${base}/outside`, `${base}/new/0`);
  writeFileSync(`${base}/new/1`, 'here');
  await t.rejects(copy(['a']), { code: 'EEXIST', syscall: 'openat' });
  await t.rejects(copy(['a']), { code: 'EEXIST', syscall: 'openat' });
  t.notOk(existsSync(`${base}/outside`));
  t.equal(readFileSync(`${base}/new/1`, 'utf8'), 'here');
});

t.test('a full file system is told with the call that met it', asRoot, async (t) => {
  const { base } = makePlace(t);
  writeFileSync(`${base}/large`, Buffer.alloc(3 << 20));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', `${base}/new`]);
  const root = openFileRoot(base);
  const target = openSync(`${base}/new`, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const copies = [{ number: 0, entry: entryOf('/large') }];
    await t.rejects(copyFiles(root.fd, target, copies), { code: 'ENOSPC', syscall: 'write', index: 0 });
  } finally {
    closeSync(target);
    root.close();
    execFileSync('umount', [`${base}/new`]);
  }
});

t.test('what was read of a file is known as long as that has not changed', asRoot, async (t) => {
  const { base } = makePlace(t);
  for (const name of ['jail', 'host']) mkdirSync(`${base}/${name}`);
  for (const name of ['jail/f', 'host/f', 'host/new']) writeFileSync(`${base}/${name}`, name);
  mkdirSync(`${base}/jail/d`);
  const [jail, host] = [openFileRoot(`${base}/jail`), openFileRoot(`${base}/host`)];
  t.teardown(() => [jail, host].forEach((root) => root.close()));
  const entries = ['/f', '/new', '/d', '/none/f'].map(entryOf);
  const known = await readKnown(entries, { jail, sourceFd: host.fd });
  const path = bytePath('/f');
  const now = () => {
    const status = jail.lstat(path);
    if (status === undefined) throw new Error('it is gone');
    return status;
  };
  t.equal(known.inJail(path, now())?.sha256, sha256(Buffer.from('jail/f')));
  t.equal(known.onHost(path)?.sha256, sha256(Buffer.from('host/f')));
  for (const other of ['/new', '/d', '/none/f']) {
    t.equal(known.onHost(bytePath(other)), undefined, `${other} is not compared`);
  }
  const directory = jail.lstat(bytePath('/d'));
  t.equal(directory && known.inJail(bytePath('/d'), directory), undefined);
  writeFileSync(`${base}/jail/f`, 'jail/F');
  utimesSync(`${base}/jail/f`, 1, 1);
  t.equal(known.inJail(path, now()), undefined);
});

t.test('arguments of a wrong kind are refused', async (t) => {
  const call =
    (...args: readonly unknown[]) =>
    () =>
      (native.readFiles as (...args: readonly unknown[]) => unknown)(...args);
  const [path, none] = [Buffer.from('/a\0'), new Uint32Array(0)];
  t.throws(call('x', -1, path, none), RangeError);
  t.throws(call(0, '1', path, none), TypeError);
  t.throws(call(0, -1, '/a', none), TypeError);
  t.throws(call(0, -1, Buffer.from('/a'), none), TypeError);
  t.throws(call(0, 0, path, none), TypeError);
  t.throws(call(4_000_000, -1, path, none), { code: 'EBADF' });
});

const root = `${import.meta.dirname}/../../..`;

t.test('each implementation of SHA-256 agrees with that of node, however the bytes come', async (t) => {
  const directory = t.testdir();
  const program = `${directory}/hash-pieces`;
  const flags = ['-std=c++20', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  const sources = [`${root}/test/native/hash-pieces.cc`, `${root}/native/files/sha256.cc`];
  // Without the sanitizers, if this process has them.
  const env = { PATH: process.env.PATH, ASAN_OPTIONS: 'detect_leaks=0' };
  execFileSync('g++', [...flags, '-fno-sanitize-recover=all', ...sources, '-o', program], { env });
  const agrees = (data: Uint8Array, pieces: readonly number[]): boolean => {
    writeFileSync(`${directory}/data`, data);
    const said = execFileSync(program, [`${directory}/data`, ...pieces.map(String)], {
      encoding: 'utf8',
      env,
    });
    return said
      .trimEnd()
      .split('\n')
      .every((line) => line === sha256(data));
  };
  for (let size = 0; size <= 260; size++) if (!agrees(randomBytes(size), [1000])) t.fail(`${size} bytes`);
  const pieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 });
  const data = fc.uint8Array({ maxLength: 2000 });
  fc.assert(fc.property(data, pieces, agrees), { numRuns: 100 });
  t.ok(agrees(randomBytes(1_000_003), [64, 65, 4096]));
});
