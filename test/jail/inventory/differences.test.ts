import t from 'tap';

import { differencesOf } from '../../../lib/jail/inventory/differences.ts';
import type { Contained, Contents, Part } from '../../../lib/jail/inventory/inventory.ts';
import { bytePath } from '../../../lib/tree/path.ts';

const entry = (path: string, over: Partial<Contained> = {}): Contained => ({
  path: bytePath(path),
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 1,
  sha256: 'a'.repeat(64),
  reason: { how: 'asked' },
  ...over,
});
const part = (type: Part['type'], name: string, version: string): Part => ({ type, name, version });
const contents = (
  entries: readonly Contained[],
  parts: readonly Part[] = [],
  hasDevices = true,
): Contents => ({
  name: 'jail',
  entries,
  parts,
  system: undefined,
  hasDevices,
  newestS: 0,
  missing: [],
  unclear: [],
});

t.test('each aspect of a path is compared, and nothing else', async (t) => {
  const link = { kind: 'link', target: bytePath('b') } as const;
  for (const [over, from, differs] of [
    [{}, {}, undefined],
    [{ sha1: 'b'.repeat(40), isChanged: true }, {}, undefined],
    [{ sha256: 'b'.repeat(64) }, {}, ['content']],
    [{ mode: 0o4755 }, {}, ['mode']],
    [{ uid: 1 }, {}, ['owner']],
    [{ gid: 1 }, {}, ['owner']],
    [{ capabilities: '00' }, {}, ['capabilities']],
    [{ package: 'bash' }, {}, ['package']],
    [{ reason: { how: 'copied' } }, {}, ['reason']],
    [{ kind: 'other' }, {}, ['kind']],
    [link, {}, ['kind']],
    [{ ...link, mode: 0o755 }, link, undefined],
    [{ ...link, target: bytePath('c') }, link, ['content']],
  ] as const) {
    const found = differencesOf(contents([entry('/a', from)]), contents([entry('/a', over)])).files;
    t.same(found[0]?.differs, differs, JSON.stringify(over));
    t.equal(found.length, differs === undefined ? 0 : 1);
  }
});

t.test('paths and packages of one side alone are told', async (t) => {
  const before = contents(
    [entry('/a'), entry('/dev/null', { kind: 'device' })],
    [part('deb', 'bash', '1'), part('npm', 'x', '2'), part('npm', 'x', '1'), part('gem', 'x', '1')],
  );
  const after = contents(
    [entry('/b')],
    [part('deb', 'bash', '2'), part('npm', 'x', '1'), part('gem', 'x', '1')],
    false,
  );
  const found = differencesOf(before, after);
  t.match(found.files, [
    { path: '/a', change: 'removed', before: { kind: 'file', mode: '0644', because: 'asked for' } },
    { path: '/b', change: 'added', after: { kind: 'file' } },
  ]);
  t.equal(found.files.length, 2, 'no devices: an image has none');
  t.same(found.packages, [
    { type: 'deb', name: 'bash', before: ['1'], after: ['2'] },
    { type: 'npm', name: 'x', before: ['1', '2'], after: ['1'] },
  ]);
  t.same(differencesOf(before, before), { packages: [], files: [] });
});
