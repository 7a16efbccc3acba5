import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import type { Manifest, Recorded } from '../../../lib/jail/manifest/manifest.ts';
import { packReasons, packSizes, partsOf } from '../../../lib/jail/manifest/jail-parts.ts';
import { EMPTY_RECIPE } from '../../../lib/jail/manifest/recipe.ts';

function file(path: string, sizeBytes: number, reason: Reason, name?: string): Recorded {
  const owner = { mode: 0o644, uid: 0, gid: 0 };
  const own = { path: bytePath(path), kind: 'file', sizeBytes, reason } as const;
  return { ...own, ...owner, ...(name !== undefined && { package: name }) };
}

const by = (path: string) => ({ by: bytePath(path) });
const manifest: Manifest = {
  recipe: EMPTY_RECIPE,
  packs: [{ name: 'tls' }],
  packages: {},
  entries: [
    file('/bin/p', 10, { how: 'asked' }),
    file('/lib/a', 200, { how: 'library', as: 'a', ...by('/bin/p') }, 'liba'),
    file('/lib/a2', 100, { how: 'library', as: 'a2', ...by('/lib/a') }, 'liba'),
    file('/etc/tls', 3, { how: 'pack', as: 'tls', ...by('/lib/a') }),
    file('/lib/tls', 50, { how: 'library', as: 't', ...by('/etc/tls') }, 'libtls'),
    file('/lib/x', 1, { how: 'library', as: 'x', ...by('/lib/y') }, 'x'),
    file('/lib/y', 1, { how: 'library', as: 'y', ...by('/lib/x') }, 'x'),
  ],
};

t.test(
  'the parts of a jail are its packages, the largest first, with the reason of their largest file',
  async (t) => {
    t.same(partsOf(manifest).slice(0, 3), [
      { package: 'liba', files: 2, sizeBytes: 300, path: '/lib/a', because: 'needed by /bin/p as a' },
      { package: 'libtls', files: 1, sizeBytes: 50, path: '/lib/tls', because: 'needed by /etc/tls as t' },
      { package: undefined, files: 2, sizeBytes: 13, path: '/bin/p', because: 'asked for' },
    ]);
  },
);

t.test(
  'a pack is as large as what it has brought, with what that needs; reasons in a circle end',
  async (t) => {
    t.same([...packSizes(manifest)], [['tls', 53]]);
  },
);

t.test('a pack has its size, and the file for which it was added', async (t) => {
  const { sizeBytes: _, ...owned } = file('/etc/link', 0, { how: 'pack', as: 'links' });
  const link: Recorded = { ...owned, kind: 'link' };
  const packs = [
    { name: 'tls', trigger: bytePath(Buffer.from('/lib/\xff', 'latin1')) },
    { name: 'links' },
    { name: 'none' },
  ];
  t.same(packReasons({ ...manifest, packs, entries: [...manifest.entries, link] }), [
    { name: 'tls', trigger: '/lib/\udcff', sizeBytes: 53 },
    { name: 'links', trigger: undefined, sizeBytes: 0 },
    { name: 'none', trigger: undefined, sizeBytes: 0 },
  ]);
});
