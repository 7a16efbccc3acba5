// readCode, mapFile, environmentVariables: the calls with which the command starts.
import { chmodSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { xxh64 } from '../../lib/launch/compile/xxh64.ts';
import { native } from '../../lib/native.ts';

const executable = statSync('/proc/self/exe', { bigint: true });

function hashOf(text: string, { mtimeNs, size } = executable): Buffer {
  const hash = Buffer.alloc(8);
  hash.writeBigUInt64LE(xxh64(Buffer.from(text), mtimeNs + size));
  return hash;
}

function script(directory: string): { readonly path: string; readonly cache: string } {
  const path = `${directory}/command.cjs`;
  const cache = `${path}.cache`;
  writeFileSync(path, 'source');
  writeFileSync(cache, Buffer.concat([Buffer.from('cached'), hashOf('source')]), { mode: 0o644 });
  chmodSync(cache, 0o644);
  return { path, cache };
}

t.test('the cache of a script is taken, however old they are', async (t) => {
  const { path, cache } = script(t.testdir());
  // npm unpacks files with the same time.
  utimesSync(cache, 99, 99);
  const code = native.readCode(path, cache);
  t.equal(code.source, 'source');
  t.equal(code.cache?.toString(), 'cached');
});

t.test('a script without a cache is read all the same', async (t) => {
  const { path, cache } = script(t.testdir());
  rmSync(cache);
  t.strictSame(native.readCode(path, cache), { source: 'source' });
});

t.test('the cache of another script is not taken, nor one that has been cut', async (t) => {
  const { path, cache } = script(t.testdir());
  writeFileSync(path, 'sourcE');
  t.equal(native.readCode(path, cache).cache, undefined);
  writeFileSync(path, 'source');
  t.not(native.readCode(path, cache).cache, undefined);
  for (const sizeBytes of [13, 8, 7, 0]) {
    truncateSync(cache, sizeBytes);
    t.equal(native.readCode(path, cache).cache, undefined);
  }
});

t.test(
  'the cache of another executable is not taken: Node crashes with it, though V8 has the same version',
  async (t) => {
    const { path, cache } = script(t.testdir());
    for (const other of [
      { ...executable, size: executable.size + 1n },
      { ...executable, mtimeNs: executable.mtimeNs - 1n },
    ]) {
      writeFileSync(cache, Buffer.concat([Buffer.from('cached'), hashOf('source', other)]));
      t.equal(native.readCode(path, cache).cache, undefined);
    }
  },
);

for (const mode of [0o664, 0o646]) {
  t.test(`a cache that others can write (${mode.toString(8)}) is not taken`, async (t) => {
    const { path, cache } = script(t.testdir());
    chmodSync(cache, mode);
    t.equal(native.readCode(path, cache).cache, undefined);
  });
}

t.test('a missing script is told with its path', async (t) => {
  const path = `${t.testdir()}/none`;
  t.throws(() => native.readCode(path, `${path}.cache`), { code: 'ENOENT', path });
  t.throws(() => native.mapFile(path), { code: 'ENOENT', path });
});

t.test('a mapped file is read whatever has become of its path', async (t) => {
  const { path } = script(t.testdir());
  const mapped = native.mapFile(path);
  rmSync(path);
  t.equal(mapped.toString(), 'source');
});

t.test('variables are those that are set, and no others', async (t) => {
  process.env['UCHROOT_TEST_SET'] = 'ä=1';
  t.teardown(() => delete process.env['UCHROOT_TEST_SET']);
  t.strictSame(native.environmentVariables(['UCHROOT_TEST_SET', 'UCHROOT_TEST_UNSET']), [
    ['UCHROOT_TEST_SET', Buffer.from('ä=1')],
  ]);
});
