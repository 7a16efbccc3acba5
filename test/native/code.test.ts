// readCode, mapFile, environmentVariables: what the command starts from.
import { chmodSync, rmSync, utimesSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { native } from '../../lib/native.ts';

function script(directory: string): { readonly path: string; readonly cache: string } {
  const path = `${directory}/command.cjs`;
  const cache = `${path}.cache`;
  writeFileSync(path, 'source');
  writeFileSync(cache, 'cached', { mode: 0o644 });
  chmodSync(cache, 0o644);
  utimesSync(path, 100, 100);
  utimesSync(cache, 100, 100);
  return { path, cache };
}

t.test('a cache as old as its script, as npm unpacks them, is taken', async (t) => {
  const { path, cache } = script(t.testdir());
  const code = native.readCode(path, cache);
  t.equal(code.source, 'source');
  t.equal(code.cache?.toString(), 'cached');
});

t.test('a script without a cache is read all the same', async (t) => {
  const { path, cache } = script(t.testdir());
  rmSync(cache);
  t.strictSame(native.readCode(path, cache), { source: 'source' });
});

t.test('a cache older than its script is not taken', async (t) => {
  const { path, cache } = script(t.testdir());
  utimesSync(cache, 99, 99);
  t.equal(native.readCode(path, cache).cache, undefined);
});

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
