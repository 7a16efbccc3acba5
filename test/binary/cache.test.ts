import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import * as fc from 'fast-check';
import t from 'tap';

import { compareNames, readCache, writeCache } from '../../lib/binary/cache.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { start } from '../support/launch.ts';
import { cacheWithHwcap } from '../support/binary/hwcap.ts';

const entry = (name: string, path: string, flags = 0x0303) => ({
  name: bytePath(name),
  path: bytePath(path),
  flags,
});

const LDCONFIG = '/sbin/ldconfig';
const HOST_CACHE = '/etc/ld.so.cache';
const withLdconfig = { skip: !existsSync(LDCONFIG) && 'no ldconfig here' };

/** "name (flags) => path" lines of a cache, as ldconfig reads it: [name, path] pairs. */
function asLdconfigReads(file: string): string[] {
  const { stdout } = start([LDCONFIG, '-p', '-C', file]);
  return [...stdout.matchAll(/^\t(\S+) \(.*\) => (\S+)$/gm)].map(([, name, path]) => `${name} ${path}`);
}

const withCache = { skip: withLdconfig.skip || (!existsSync(HOST_CACHE) && 'no cache here') };

t.test("the host's cache is read as ldconfig reads it", withCache, async (t) => {
  const cache = readCache(readFileSync(HOST_CACHE));
  t.same(
    cache.entries.map(({ name, path }) => `${name} ${path}`),
    asLdconfigReads(HOST_CACHE),
  );
});

t.test('ldconfig reads the cache that is written', withLdconfig, async (t) => {
  const entries = [
    entry('libz.so.9', '/opt/z/libz.so.9'),
    entry('libz.so.10', '/opt/z/libz.so.10'),
    entry('liba.so', '/usr/local/lib/liba.so'),
    entry('liba.so', '/opt/32/liba.so', 3),
  ];
  const file = `${t.testdir()}/cache`;
  writeFileSync(file, writeCache(entries, 'little'));
  t.same(asLdconfigReads(file), [
    'libz.so.10 /opt/z/libz.so.10',
    'libz.so.9 /opt/z/libz.so.9',
    'liba.so /usr/local/lib/liba.so',
    'liba.so /opt/32/liba.so',
  ]);
});

t.test('a written cache is read back, in either byte order', async (t) => {
  const name = fc.stringMatching(/^[a-z0-9.+-]{1,12}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, name)), fc.constantFrom('little', 'big'), (pairs, endian) => {
      const entries = pairs.map(([a, b]) => entry(a, `/lib/${b}`));
      const read = readCache(writeCache(entries, endian));
      for (const { name } of entries)
        assert.deepEqual(
          read.find(name).map(({ path }) => path),
          entries.filter((other) => other.name === name).map(({ path }) => path),
        );
      assert.equal(read.entries.length, entries.length);
    }),
  );
  t.pass();
});

t.test('numbers in names are compared as numbers', async (t) => {
  t.ok(compareNames('libz.so.9', 'libz.so.10') < 0);
  t.ok(compareNames('libz.so.10', 'libz.so.9') > 0);
  t.equal(compareNames('libz.so.10', 'libz.so.10'), 0);
  t.ok(compareNames('a', '9') < 0, 'a letter is no number');
  t.ok(compareNames('liba1.so', 'liba-.so') > 0, 'a digit comes after anything else');
  t.ok(compareNames('libz.so', 'libz.so.1') < 0);
});

const newer = entry('libx.so', '/l/glibc-hwcaps/x86-64-v3/libx.so');
const everywhere = entry('libx.so', '/l/libx.so');

t.test('entries for one kind of processor name it', async (t) => {
  t.match(readCache(cacheWithHwcap(newer, everywhere)).entries, [
    { name: 'libx.so', path: '/l/glibc-hwcaps/x86-64-v3/libx.so', hwcap: 'x86-64-v3' },
    { name: 'libx.so', path: '/l/libx.so' },
  ]);
});

t.test('the level of the instruction set in an entry does not matter', async (t) => {
  const data = cacheWithHwcap(newer, everywhere);
  data.writeUInt32LE(0x400003ff, 48 + 20);
  t.match(readCache(data).entries, [{ hwcap: 'x86-64-v3' }, { path: '/l/libx.so' }]);
  data.writeUInt32LE(0x40000400, 48 + 20);
  t.same(readCache(data).entries, [everywhere], 'a bit of unknown meaning');
});

t.test(
  'the list of kinds of processors is found among other lists, at the end of the file too',
  async (t) => {
    const plain = writeCache([newer, everywhere], 'little');
    const levels = Buffer.from('x86-64-v2\0x86-64-v3\0');
    const namesAt = Math.ceil((plain.length + levels.length) / 4) * 4;
    const start = namesAt + 8;
    const data = Buffer.alloc(start + 8 + 2 * 16);
    plain.copy(data);
    levels.copy(data, plain.length);
    data.writeUInt32LE(start, 32);
    data.writeBigUInt64LE((1n << 62n) + 1n, 48 + 16); // the second one
    const other = [9, 0, 0, 0];
    const words = [plain.length, plain.length + 10, 0xeaa42174, 2, ...other, 1, 0, namesAt, 8];
    for (const [index, word] of words.entries()) data.writeUInt32LE(word, namesAt + index * 4);
    t.match(readCache(data).entries, [{ path: newer.path, hwcap: 'x86-64-v3' }, { path: everywhere.path }]);
  },
);

t.test('the highest flags of a name come first, and the header has the size of the strings', async (t) => {
  const [low, high] = [entry('a', '/b', 3), entry('a', '/b')];
  for (const entries of [
    [low, high],
    [high, low],
  ]) {
    const data = writeCache(entries, 'little');
    t.same(readCache(data).entries, [high, low]);
    t.equal(data.readUInt32LE(24), 'a\0/b\0'.length);
  }
});

t.test('a list of kinds of processors that is not aligned is none', async (t) => {
  const whole = cacheWithHwcap(newer, everywhere);
  const start = whole.readUInt32LE(32);
  const data = Buffer.concat([whole.subarray(0, start), Buffer.alloc(1), whole.subarray(start)]);
  data.writeUInt32LE(start + 1, 32);
  data.writeUInt32LE(start + 25, start + 17);
  t.same(readCache(data).entries, [everywhere]);
});

t.test('a damaged list of kinds of processors names none', async (t) => {
  const start = cacheWithHwcap(newer, everywhere).readUInt32LE(32);
  for (const [at, value] of [
    [32, start + 1],
    [32, 0xfffffffc],
    [start, 0],
    [start + 4, 0],
    [start + 8, 2],
    [start + 20, 0xfffffff0],
    [start + 20, 3],
  ] as const) {
    const data = cacheWithHwcap(newer, everywhere);
    data.writeUInt32LE(value, at);
    t.same(readCache(data).entries, [everywhere], `${value} at ${at}`);
  }
});

t.test('a cache with a part for older loaders is read too, in either byte order', async (t) => {
  for (const endian of ['little', 'big'] as const)
    for (const count of [2, 3]) {
      const old = Buffer.alloc(16 + 12 * count);
      old.write('ld.so-1.7.0');
      if (endian === 'little') old.writeUInt32LE(count, 12);
      else old.writeUInt32BE(count, 12);
      const padding = Buffer.alloc((8 - (old.length % 8)) % 8);
      const data = Buffer.concat([old, padding, writeCache([entry('a', '/b')], endian)]);
      t.match(readCache(data).find(bytePath('a')), [{ path: '/b' }], `${endian} ${count}`);
    }
});

t.test(
  'a cache of glibc before 2.33 does not say its byte order: the smaller number of entries is right',
  async (t) => {
    for (const endian of ['little', 'big'] as const) {
      const data = writeCache([entry('a', '/b')], endian);
      // the size of the strings, which is not read, and the byte order
      data.fill(0, 24, 29);
      t.match(readCache(data).entries, [{ path: '/b', flags: 0x303 }], endian);
    }
  },
);

t.test('a byte order in the header counts, whatever the number of entries', async (t) => {
  for (const endian of ['little', 'big'] as const) {
    const data = writeCache([entry('a', '/b')], endian);
    // more than there are, and as few as 1 in the other byte order
    data.fill(0, 20, 24)[endian === 'little' ? 23 : 20] = 1;
    t.match(readCache(data).entries, [{ path: '/b', flags: 0x303 }], endian);
    data[28] = (data[28] ?? 0) | 0x84;
    t.match(readCache(data).entries, [{ path: '/b' }], 'the other bits of the byte are reserved');
  }
});

t.test('a path of PATH_MAX bytes has no room for its end, and is left out', async (t) => {
  const [longest, longer] = [`/${'x'.repeat(4094)}`, `/${'x'.repeat(4095)}`];
  const data = writeCache([entry('a', longest), entry('b', longer)], 'little');
  t.match(readCache(data).entries, [{ name: 'a', path: longest }]);
  t.equal(readCache(data).entries.length, 1);
});

t.test('any other file is an empty cache', async (t) => {
  for (const text of [
    '',
    'x',
    'ld.so-1.7.0',
    'ld.so-1.7.0'.padEnd(15, '\0'),
    'glibc-ld.so.cache1.1',
    'glibc-ld.so.cache1.0'.padEnd(100, '\0'),
  ])
    t.same(readCache(Buffer.from(text)).entries, [], text.slice(0, 12));
});

t.test('an entry without a name, or with one that has no end, is left out', async (t) => {
  const data = Buffer.from(writeCache([entry('a', '/b'), entry('c', '/d')], 'little'));
  const text = data.toString('latin1');
  data[text.indexOf('a\0')] = 0;
  t.same(
    readCache(data).entries.map(({ name }) => name),
    ['c'],
  );
  const endless = Buffer.concat([writeCache([entry('a', '/b')], 'little'), Buffer.alloc(5000, 'x')]);
  const at = endless.toString('latin1').indexOf('/b\0');
  endless[at + 2] = 0x78;
  t.same(readCache(endless).entries, []);
});
