import { gzipSync } from 'node:zlib';

import t from 'tap';

import { type Contained, type Contents, debianParts } from '../../../lib/jail/inventory/inventory.ts';
import { cycloneDxDocument } from '../../../lib/jail/inventory/cyclonedx.ts';
import { spdxDocument } from '../../../lib/jail/inventory/spdx.ts';
import { parseManifest } from '../../../lib/jail/manifest/manifest.ts';
import { parseSystem } from '../../../lib/jail/manifest/origin.ts';
import type { Reason } from '../../../lib/jail/manifest/planned-entry.ts';
import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { printedJson } from '../../../lib/words/json.ts';
import { faultsOfBill } from '../../support/bill.ts';

const [sh, libc, link] = ['/usr/bin/sh', '/usr/lib/libc.so.6', '/usr/lib/libc.so'].map((path) =>
  bytePath(path),
) as [BytePath, BytePath, BytePath];
const odd = '/srv/latin\xe9\\\x1b[2J' as BytePath;

const file = (path: BytePath, reason: Reason, owner?: string): Contained => ({
  path,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 3,
  reason,
  sha256: 'a'.repeat(64),
  sha1: 'b'.repeat(40),
  package: owner,
});

const contents: Contents = {
  name: 'jail',
  entries: [
    { ...file(odd, { how: 'copied' }), isChanged: true },
    file(sh, { how: 'asked' }, 'dash'),
    {
      path: link,
      kind: 'link',
      mode: 0o777,
      uid: 0,
      gid: 0,
      reason: { how: 'library', by: sh, as: 'libc.so' },
    },
    file(libc, { how: 'way', by: link }, 'libc6'),
    file(bytePath('/usr/lib/loop'), { how: 'way', by: bytePath('/usr/lib/loop') }),
  ],
  parts: [
    {
      type: 'deb',
      name: 'dash',
      version: '0.5-1',
      origin: { source: 'dash', version: '0.5-1', architecture: 'amd64' },
    },
    { type: 'deb', name: 'libc6', version: '2.41' },
    { type: 'npm', name: '@a/b', version: '1.0.0', metadata: odd },
    { type: 'npm', name: '@a/b', version: '1.0.0', metadata: bytePath('/gone') },
  ],
  system: { id: 'debian', versionId: '13' },
  newestS: 0,
  hasDevices: true,
  missing: [],
  unclear: [],
};
const made = { created: '1970-01-01T00:00:00Z', version: '1.2.3' };

t.test('both documents are valid by their schemas, and say why each file is there', async (t) => {
  const spdx = spdxDocument(contents, made) as { readonly relationships: readonly object[] };
  t.same(faultsOfBill('spdx', spdx), []);
  const of = (from: string, type: string, to: string, comment?: string) => ({
    spdxElementId: `SPDXRef-${from}`,
    relationshipType: type,
    relatedSpdxElement: `SPDXRef-${to}`,
    ...(comment !== undefined && { comment }),
  });
  t.same(spdx.relationships, [
    of('DOCUMENT', 'DESCRIBES', 'Jail'),
    of('Jail', 'CONTAINS', 'Package-1'),
    of('Jail', 'CONTAINS', 'Package-2'),
    of('Jail', 'CONTAINS', 'Package-3'),
    of('File-1', 'METAFILE_OF', 'Package-3'),
    of('Jail', 'CONTAINS', 'Package-4'),
    of('Jail', 'CONTAINS', 'File-1'),
    of('Package-1', 'CONTAINS', 'File-2'),
    of('Package-2', 'CONTAINS', 'File-3'),
    of('Jail', 'CONTAINS', 'File-4'),
    of('Jail', 'DEPENDS_ON', 'File-1', 'to be copied'),
    of('Jail', 'DEPENDS_ON', 'File-2', 'asked for'),
    of('File-2', 'DEPENDS_ON', 'File-3', 'on the way to /usr/lib/libc.so'),
    of('Jail', 'DEPENDS_ON', 'File-4', 'on the way to /usr/lib/loop'),
  ]);
  const cyclone = cycloneDxDocument(contents, made) as { readonly dependencies: readonly object[] };
  t.same(faultsOfBill('cyclonedx', cyclone), []);
  t.same(cyclone.dependencies, [
    {
      ref: 'jail',
      dependsOn: ['file:/srv/latin\\xe9\\x5c\u001b[2J', 'file:/usr/bin/sh', 'file:/usr/lib/loop'],
    },
    { ref: 'file:/usr/bin/sh', dependsOn: ['file:/usr/lib/libc.so.6'] },
  ]);
});

t.test('the same contents give the same bytes, and others another name', async (t) => {
  for (const write of [spdxDocument, cycloneDxDocument]) {
    const text = printedJson(write(contents, made));
    t.equal(printedJson(write(structuredClone(contents), made)), text);
    t.match(text, /"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"/);
    t.notMatch(text, /[^\n\x20-\x7e]/, 'for a terminal');
    t.notMatch(text, /\\ud[89a-f]/, 'a lone surrogate, which other readers refuse');
    const urn = (one: string) => /urn:uuid:[0-9a-f-]+/.exec(one)?.[0];
    t.not(urn(printedJson(write({ ...contents, newestS: 1, name: 'other' }, made))), urn(text));
  }
});

t.test('a forged manifest has no package', async (t) => {
  const json = (over: object) =>
    gzipSync(JSON.stringify({ format: 1, recipe: {}, packs: [], packages: {}, entries: [], ...over }));
  const origin = { source: 'x', version: '1', architecture: 'all' };
  t.same(debianParts(parseManifest(json({ packages: { a: '1' }, origins: { a: origin } }))), [
    { type: 'deb', name: 'a', version: '1', origin },
  ]);
  for (const over of [
    { packages: { 'a\u001b[2J': '1' } },
    { packages: { '../a': '1' } },
    { packages: { a: '1?x' } },
    { packages: { '\ud800': '1' } },
    { packages: { a: '1' }, origins: { a: { ...origin, source: 'x y' } } },
    { packages: { a: '1' }, origins: { a: { ...origin, version: '#' } } },
    { packages: { a: '1' }, origins: { a: { ...origin, architecture: '\ud800' } } },
    { origins: [] },
    { system: { id: 'a/b' } },
  ])
    t.throws(() => debianParts(parseManifest(json(over))), { code: 'ERR_MANIFEST' }, JSON.stringify(over));
});

t.test('a system is what os-release(5) permits', async (t) => {
  t.same(parseSystem('NAME="Debian"\nID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'), {
    id: 'debian',
    versionId: '13',
    codename: 'trixie',
  });
  t.same(parseSystem("ID='alpine'\nVERSION_ID=3.2$(id)\n"), { id: 'alpine' });
  for (const text of ['', 'ID=\n', 'ID=Debian GNU\n', 'ID="a\n', 'xID=a\n'])
    t.equal(parseSystem(text), undefined, text);
});
