import { deepStrictEqual } from 'node:assert';
import { gunzipSync, gzipSync } from 'node:zlib';

import * as fc from 'fast-check';
import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { JailError } from '../../../lib/errors.ts';
import {
  isSameManifest,
  type Manifest,
  parseManifest,
  writeManifest,
} from '../../../lib/jail/manifest/manifest.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';
import { manifests } from '../../support/jail/arbitrary.ts';

const sample: Manifest = {
  recipe: { ...EMPTY_RECIPE, programs: [bytePath('/bin/p')] },
  packs: [{ name: 'base' }, { name: 'tls', trigger: bytePath('/bin/p') }],
  packages: { p: '1.2-3' },
  entries: [
    { path: bytePath('/usr'), kind: 'directory', mode: 0o755, uid: 0, gid: 0, reason: { how: 'layout' } },
    {
      path: bytePath('/bin'),
      kind: 'link',
      target: bytePath('usr/bin'),
      mode: 0o777,
      uid: 0,
      gid: 0,
      reason: { how: 'way', by: bytePath('/usr/bin') },
    },
    {
      path: bytePath('/usr/p'),
      kind: 'file',
      source: bytePath('/usr/p'),
      sizeBytes: 3,
      sha256: 'a'.repeat(64),
      mtimeMs: 1_700_000_000_123,
      mode: 0o755,
      uid: 0,
      gid: 0,
      package: 'p',
      reason: { how: 'asked' },
    },
    {
      path: bytePath('/dev/null'),
      kind: 'device',
      major: 1,
      minor: 3,
      mode: 0o666,
      uid: 0,
      gid: 0,
      reason: { how: 'pack', as: 'base' },
    },
  ],
};

t.test('a manifest is the same after it was written', async (t) => {
  t.same(parseManifest(writeManifest(sample)), sample);
  fc.assert(
    fc.property(manifests, (manifest) => deepStrictEqual(parseManifest(writeManifest(manifest)), manifest)),
    { numRuns: 200 },
  );
});

t.test('the same manifest makes the same bytes, read again or made in another order', async (t) => {
  const reversed = <T extends object>(value: T): T =>
    Object.fromEntries(Object.entries(value).toReversed()) as T;
  fc.assert(
    fc.property(manifests, (manifest) => {
      const data = writeManifest(manifest);
      const turned = {
        ...reversed(manifest),
        recipe: reversed(manifest.recipe),
        packages: reversed(manifest.packages),
        entries: manifest.entries.map(reversed),
      };
      return writeManifest(parseManifest(data)).equals(data) && writeManifest(turned).equals(data);
    }),
    { numRuns: 100 },
  );
  t.pass();
});

t.test('an entry stands in a line of its own, for people and their tools', async (t) => {
  const lines = gunzipSync(writeManifest(sample)).toString().split('\n');
  t.equal(lines.length, sample.entries.length + 3);
  t.match(lines[1], /^\{"path":"\/usr","kind":"directory","mode":"0755","how":"layout"\},$/);
});

const refused = { name: 'JailError', code: 'ERR_MANIFEST', hint: /build the jail anew/ };

t.test('a manifest that is cut off, or no manifest at all, is damaged', async (t) => {
  const data = writeManifest(sample);
  for (let length = 0; length < data.length; length++)
    t.throws(() => parseManifest(data.subarray(0, length)), refused);
  for (const text of ['', 'null', '17', '"x"', '[]', '{}', '{"format":1}', '{"format":', '\0'])
    t.throws(() => parseManifest(gzipSync(text)), refused, text);
  t.throws(() => parseManifest(Buffer.from('{"format":1}')), refused, 'not compressed');
});

t.test('a manifest of another format is told from a damaged one', async (t) => {
  const data = gzipSync(JSON.stringify({ ...toJson(sample), format: 2 }));
  t.throws(() => parseManifest(data), { ...refused, message: /format is 2, and this version reads 1/ });
});

t.test('a changed byte is told, or does no harm', async (t) => {
  const data = writeManifest(sample);
  for (let at = 0; at < data.length; at++) {
    const changed = Buffer.from(data);
    changed[at] = (changed[at] ?? 0) ^ 0x55;
    try {
      t.same(parseManifest(changed), sample, `byte ${at}`); // of the header, which nobody reads
    } catch (error) {
      t.match(error, refused, `byte ${at}`);
    }
  }
});

function toJson(
  manifest: Manifest,
): Record<string, unknown> & { readonly entries: Record<string, unknown>[] } {
  return JSON.parse(gunzipSync(writeManifest(manifest)).toString()) as ReturnType<typeof toJson>;
}

t.test('a value of a wrong kind in an entry is told', async (t) => {
  const entriesWith = (index: number, change: object) => {
    const { entries } = toJson(sample);
    return entries.with(index, { ...entries[index], ...change });
  };
  const refuse = (change: object, label: string) =>
    t.throws(() => parseManifest(gzipSync(JSON.stringify({ ...toJson(sample), ...change }))), refused, label);
  const wrong: readonly [index: number, change: object][] = [
    [0, { path: 17 }],
    [0, { path: 'usr' }],
    [0, { path: '/' }],
    [0, { path: '/a/../b' }],
    [0, { path: '/.uchroot/manifest.json.gz' }],
    [0, { path: '/bin' }],
    [0, { kind: 'socket' }],
    [0, { kind: null }],
    [0, { mode: 493 }],
    [0, { mode: '0789' }],
    [0, { mode: '755' }],
    [0, { uid: '0' }],
    [0, { uid: -1 }],
    [0, { uid: 2 ** 32 - 1 }],
    [0, { gid: 1.5 }],
    [0, { how: 'magic' }],
    [0, { how: 'toString' }],
    [0, { how: undefined }],
    [1, { target: 17 }],
    [1, { target: '' }],
    [1, { by: 'usr' }],
    [2, { sha256: 'abc' }],
    [2, { sha256: null }],
    [2, { sizeBytes: '3' }],
    [2, { sizeBytes: -3 }],
    [2, { sizeBytes: undefined }],
    [2, { mtimeMs: 'now' }],
    [2, { source: 'p' }],
    [2, { source: 17 }],
    [2, { package: {} }],
    [3, { major: null }],
    [3, { minor: undefined }],
  ];
  for (const [index, change] of wrong)
    refuse({ entries: entriesWith(index, change) }, JSON.stringify(change));
  for (const change of [
    { entries: {} },
    { entries: [null] },
    { entries: [[]] },
    { packs: null },
    { packs: ['base'] },
    { packs: [{}] },
    { packs: [{ name: 'tls', trigger: 3 }] },
    { packages: [] },
    { packages: { p: 1 } },
    { recipe: null },
    { recipe: { programs: [1] } },
  ])
    refuse(change, JSON.stringify(change));
});

t.test('any bytes and any JSON give a manifest or a JailError', async (t) => {
  const keys = fc.constantFrom('format', 'recipe', 'packs', 'packages', 'entries');
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.jsonValue().map((value) => gzipSync(JSON.stringify(value))),
    fc
      .dictionary(keys, fc.jsonValue())
      .map((value) => gzipSync(JSON.stringify({ ...toJson(sample), ...value }))),
  );
  fc.assert(
    fc.property(any, (data) => {
      try {
        parseManifest(data);
        return true;
      } catch (error) {
        return error instanceof JailError && error.code === 'ERR_MANIFEST';
      }
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

t.test('two manifests are the same if and only if they are written as the same bytes', async (t) => {
  const isRight = (one: Manifest, other: Manifest): boolean =>
    isSameManifest(one, other) === writeManifest(one).equals(writeManifest(other));
  fc.assert(fc.property(manifests, manifests, isRight));
  fc.assert(fc.property(manifests, (one) => isSameManifest(one, parseManifest(writeManifest(one)))));
  const [directory, link, file, device] = sample.entries;
  if (directory === undefined || link === undefined || file === undefined || device === undefined)
    throw new Error('the sample has four entries');
  const others: readonly Partial<Manifest>[] = [
    { recipe: EMPTY_RECIPE },
    { packs: [{ name: 'base' }] },
    { packages: { p: '1.2-4' } },
    { entries: sample.entries.slice(1) },
    { entries: [{ ...directory, mode: 0o700 }, link, file, device] },
    { entries: [{ ...directory, uid: 1 }, link, file, device] },
    { entries: [{ ...directory, gid: 1 }, link, file, device] },
    { entries: [{ ...directory, reason: { how: 'copied' } }, link, file, device] },
    { entries: [directory, { ...link, target: bytePath('usr') }, file, device] },
    { entries: [directory, { ...link, reason: { how: 'way', by: bytePath('/usr') } }, file, device] },
    { entries: [directory, link, { ...file, sha256: 'b'.repeat(64) }, device] },
    { entries: [directory, link, { ...file, mtimeMs: 1 }, device] },
    { entries: [directory, link, { ...file, keepPrivileges: true }, device] },
    { entries: [directory, link, { ...file, package: 'q' }, device] },
    { entries: [directory, link, { ...file, source: bytePath('/usr/q') }, device] },
    { entries: [directory, link, file, { ...device, minor: 5 }] },
    { entries: [directory, link, file, { ...device, reason: { how: 'pack', as: 'tls' } }] },
  ];
  for (const other of others) {
    const changed = { ...sample, ...other };
    t.notOk(isSameManifest(sample, changed));
    t.ok(isRight(sample, changed));
  }
});
