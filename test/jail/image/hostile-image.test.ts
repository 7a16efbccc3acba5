// Images that somebody has made to do harm, or that are damaged: each is refused with its reason, or leads nowhere.
import { mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import t from 'tap';

import { readImage, type ReadImageOptions } from '../../../lib/jail/image/read-image.ts';
import { parseTravelled } from '../../../lib/jail/image/travelled.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { makeDirectory } from '../../support/directory.ts';
import { archive, member, pax, sha256, writeLayout, type Wrong } from '../../support/jail/images.ts';

const directory = makeDirectory(t);
let count = 0;
const newPath = (): string => `${directory}/${count++}`;

const link = (name: string, target: string): Buffer => member({ name, type: '2', target });
const hard = (name: string, target: string): Buffer => member({ name, type: '1', target });
const folder = (name: string): Buffer => member({ name, type: '5', mode: 0o755 });
const file = (name: string, content = 'x'): Buffer => member({ name, content });
/** A number in base 256. */
const binary = (...bytes: readonly number[]): Buffer =>
  Buffer.concat([
    Buffer.from([bytes[0] ?? 0x80]),
    Buffer.alloc(12 - bytes.length),
    Buffer.from(bytes.slice(1)),
  ]);

/** Entries of one layer, and the words of the refusal. */
const refused: readonly (readonly [string, RegExp, ...Buffer[]])[] = [
  ['..', /leads upward/, file('../x')],
  ['.. in the middle', /leads upward/, file('a/../../x')],
  ['.. behind a slash', /leads upward/, file('/../../etc/x')],
  ['a directory ..', /leads upward/, folder('..')],
  ['.. by a record of pax', /leads upward/, pax({ path: '../../x' }), file('harmless')],
  [
    '.. by a long name of GNU tar',
    /leads upward/,
    member({ name: '././@LongLink', type: 'L', content: '../x\0' }),
    file('y'),
  ],
  ['a hard link upward', /leads upward/, hard('a', '../../etc/shadow')],
  ['a hard link upward by pax', /leads upward/, pax({ linkpath: '../../etc/shadow' }), hard('a', 'b')],
  ['a hard link to the host', /no such file/, hard('a', '/etc/shadow')],
  ['a hard link through a link', /no such file/, link('l', '/etc'), hard('a', 'l/shadow')],
  ['a hard link to a directory', /no such file/, folder('d'), hard('a', 'd')],
  ['a hard link to what comes later', /no such file/, hard('a', 'b'), file('b')],
  ['a hard link to the root', /no such file/, hard('a', '/')],
  [
    'a hard link with content',
    /hardlink with content/,
    file('b'),
    member({ name: 'a', type: '1', target: 'b', content: 'x' }),
  ],
  ['a link with content', /link with content/, member({ name: 'a', type: '2', target: 'b', content: 'x' })],
  ['a link to nothing', /no name/, link('a', '')],
  ['links in a circle', /in a circle/, link('a', 'b'), link('b', 'a'), file('a/x')],
  ['a link to itself', /in a circle/, link('a', 'a'), file('a/x')],
  ['a file below a file', /below a file/, file('a'), file('a/b')],
  [
    'a file below a device',
    /below a file/,
    member({ name: 'a', type: '3', major: 1, minor: 3 }),
    file('a/b'),
  ],
  ['a root that is a link', /root is no directory/, link('.', '/etc')],
  ['a root that is a file', /root is no directory/, member({ name: '/', type: '7' })],
  ['no name', /no name/, file('')],
  ['an unknown type', /unknown type 'Q'/, member({ name: 'a', type: 'Q' })],
  ['a part of several volumes', /unknown type 'M'/, member({ name: 'a', type: 'M' })],
  ['a wrong sum', /checksum/, member({ name: 'a', badSum: true })],
  ['a sum that is no number', /checksum/, member({ name: 'a' }).fill('z', 148, 155)],
  ['a mode that is no number', /the mode/, member({ name: 'a', patch: { 100: 'rwxr-xr' } })],
  ['a negative size', /the size/, member({ name: 'a', patch: { 124: binary(0xff, 0xff) } })],
  [
    'a size of 2^80',
    /the size/,
    member({ name: 'a', patch: { 124: binary(0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0) } }),
  ],
  ['a negative owner', /the owner/, member({ name: 'a', patch: { 108: Buffer.alloc(8, 0xff) } })],
  ['the owner 2^32 - 1', /no valid owner/, pax({ uid: '4294967295' }), file('a')],
  ['an owner that is no number', /uid/, pax({ uid: '-1' }), file('a')],
  ['a negative size by pax', /size of an entry/, pax({ size: '-1' }), file('a')],
  ['a size by pax that is none', /size of an entry/, pax({ size: '1e3' }), file('a')],
  ['a size by pax beyond the end', /ends too early/, pax({ size: '9999' }), file('a')],
  ['a size beyond the end', /ends too early/, member({ name: 'a', size: 4096, content: 'x' })],
  ['a size that hides the next entry', /ends too early/, member({ name: 'a', size: 5000 }), file('b')],
  [
    'a bomb by its size',
    /are larger than/,
    member({ name: 'a', size: 0, patch: { 124: binary(0x80, 0x10, 0, 0, 0, 0, 0) } }),
  ],
  [
    'a sparse bomb',
    /are larger than/,
    pax({
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.realsize': '99999999999999',
      'GNU.sparse.name': 'a',
    }),
    file('b'),
  ],
  [
    'a sparse file whose parts overlap',
    /overlap/,
    pax({ 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,5,3,2' }),
    member({ name: 'a', content: '1234567' }),
  ],
  [
    'a sparse file beyond its size',
    /larger than its size/,
    pax({ 'GNU.sparse.size': '3', 'GNU.sparse.map': '0,5' }),
    member({ name: 'a', content: '12345' }),
  ],
  [
    'a sparse file without content',
    /less content/,
    pax({ 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,5' }),
    file('a', '12'),
  ],
  [
    'a sparse file with more content',
    /more content/,
    pax({ 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,1' }),
    file('a', '12'),
  ],
  [
    'half a map of a sparse file',
    /map of a sparse/,
    pax({ 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,1,2' }),
    file('a', '1'),
  ],
  [
    'a map of a sparse file that is no text',
    /map of a sparse/,
    pax({ 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9' }),
    member({ name: 'a', content: Buffer.alloc(512, 0x61) }),
  ],
  ['a path of 4001 bytes', /too long for a path/, pax({ path: `${'a/'.repeat(1999)}bb` }), file('x')],
  [
    'capabilities of 65 bytes',
    /capabilities/,
    pax({ 'SCHILY.xattr.security.capability': 'c'.repeat(65) }),
    file('a'),
  ],
  ['a NUL in a name', /NUL/, pax({ path: 'a\0b' }), file('x')],
  ['a NUL in a target', /NUL/, pax({ linkpath: '/etc\0x' }), link('a', 'b')],
  ['a component of 256 bytes', /too long/, pax({ path: 'n'.repeat(256) }), file('x')],
  ['a name of 4096 bytes', /too long/, pax({ path: 'a/'.repeat(2048) }), folder('x')],
  ['a record of pax without an end', /record of pax/, pax('9 path=ab'), file('a')],
  ['a record of pax with a wrong length', /record of pax/, pax('5 path=abcdef\n'), file('a')],
  ['a record of pax without a number', /record of pax/, pax('x path=abcdef\n'), file('a')],
  ['a path for all entries', /for all of its entries/, pax({ path: 'etc/passwd' }, 'g'), file('a')],
  [
    'a key that controls a terminal',
    /sparse\.\\x1b for all/,
    pax({ 'GNU.sparse.\u001b': '1' }, 'g'),
    file('a'),
  ],
  ['records of two megabytes', /a megabyte/, pax(Buffer.alloc(2 << 20, 0x61)), file('a')],
  ['records without an entry', /ends too early/, pax({ path: 'a' })],
  ['a whiteout of ..', /whiteout of no file/, file('.wh...')],
  ['a whiteout of nothing', /whiteout of no file/, file('.wh.')],
  ['a file below a whiteout', /below a whiteout/, file('.wh.a/b')],
  ['something behind the end', /follows the end/, Buffer.alloc(1024), file('a')],
];

t.test('an archive is refused, and its fault is named', async (t) => {
  for (const [what, words, ...members] of refused) {
    const path = newPath();
    const tar = archive(file('first'), ...members);
    // only a layer has whiteouts
    if (what.includes('whiteout')) writeLayout(path, [tar]);
    else writeFileSync(path, tar);
    await t.rejects(readImage(bytePath(path)), { code: 'ERR_IMAGE', message: words }, what);
  }
});

/** Layers, and the paths of the tree. */
const harmless: readonly (readonly [string, readonly (readonly Buffer[])[], readonly string[]])[] = [
  ['an absolute name', [[file('/etc/x')]], ['/etc', '/etc/x']],
  ['slashes and dots', [[file('.//./a//./b')]], ['/a', '/a/b']],
  ['a link out, and a file through it', [[link('l', '/etc'), file('l/x')]], ['/etc', '/etc/x', '/l']],
  ['a link upward, and a file through it', [[link('l', '../../..'), file('l/x')]], ['/l', '/x']],
  ['links in a chain', [[link('a', 'b/c'), link('b', '/..'), file('a/x')]], ['/a', '/b', '/c', '/c/x']],
  ['a link in a lower layer', [[link('l', '/etc')], [file('l/x')]], ['/etc', '/etc/x', '/l']],
  ['a link in place of a directory', [[folder('d'), file('d/a')], [link('d', '/etc')]], ['/d']],
  ['a directory in place of a link', [[link('d', '/etc')], [folder('d'), file('d/a')]], ['/d', '/d/a']],
  ['a file twice', [[file('a', '1'), file('a', '2')]], ['/a']],
  ['a link, then a file of its name', [[link('a', '/etc/passwd'), file('a')]], ['/a']],
  [
    'a whiteout through a link',
    [[link('l', '/etc'), folder('etc'), file('etc/a')], [file('l/.wh.a')]],
    ['/etc', '/l'],
  ],
  ['a whiteout through a link out', [[link('l', '/../../..')], [file('l/.wh.etc')]], ['/l']],
  [
    'the root is opaque',
    [
      [file('a'), folder('d'), file('d/b')],
      [file('.wh..wh..opq'), file('c')],
    ],
    ['/c'],
  ],
  ['a whiteout of its own layer', [[file('a'), file('.wh.a')]], ['/a']],
  [
    'an opaque directory behind its content',
    [[file('d/a')], [file('d/b'), file('d/.wh..wh..opq')]],
    ['/d', '/d/b'],
  ],
  ['names of aufs', [[file('.wh..wh.aufs'), hard('.wh..wh.x', 'y')]], []],
  ['a name that is not UTF-8', [[member({ name: Buffer.from([0x61, 0xff, 0xfe]) })]], ['/a\u00ff\u00fe']],
  ['control characters', [[file('a\nb\u001b')]], ['/a\nb\u001b']],
  [
    'dates before 1970',
    [[member({ name: 'a', patch: { 136: Buffer.alloc(12, 0xff) } }), pax({ mtime: '-1e99' }), file('b')]],
    ['/a', '/b'],
  ],
  [
    'unknown records',
    [[pax({ comment: 'x', 'RHT.security.selinux': 'y', 'LIBARCHIVE.xattr.user.a': 'z' }), file('a')]],
    ['/a'],
  ],
  [
    'the names of a prototype',
    [[file('__proto__'), file('constructor/prototype')]],
    ['/__proto__', '/constructor', '/constructor/prototype'],
  ],
];

t.test('names lead nowhere but into the tree', async (t) => {
  for (const [what, layers, paths] of harmless) {
    const path = newPath();
    writeLayout(
      path,
      layers.map((members) => archive(...members)),
    );
    const { entries } = await readImage(bytePath(path));
    t.same(
      entries.map((entry) => entry.path),
      paths,
      what,
    );
  }
});

const digest = (text: string): string => `sha256:${sha256(Buffer.from(text))}`;
const manifests = (...all: readonly object[]): Wrong => ({ index: { manifests: all } });
const index = 'application/vnd.oci.image.index.v1+json';

/** What is wrong with the documents of an image. */
const documents: readonly (readonly [string, RegExp, Wrong, ((path: string) => void)?])[] = [
  ['no manifests', /manifests: a list is expected/, { index: { manifests: 5 } }],
  ['an empty index', /has no image/, manifests()],
  ['another hash', /sha256:/, { descriptor: { digest: 'md5:abc' } }],
  ['a digest with a path', /sha256:/, { descriptor: { digest: 'sha256:../../../../etc/passwd' } }],
  ['a manifest that is not there', /it lacks blobs/, { descriptor: { digest: digest('?') } }],
  ['a manifest of another size', /content of its digest/, { descriptor: { size: 1 } }],
  [
    'an index that is its own',
    /content of its digest/,
    manifests({ mediaType: index, digest: digest('me'), size: 2 }),
    (path) =>
      writeFileSync(
        `${path}/blobs/sha256/${sha256(Buffer.from('me'))}`,
        JSON.stringify({ manifests: [{ mediaType: index, digest: digest('me'), size: 2 }] }),
      ),
  ],
  [
    'a configuration that is none',
    /is no image/,
    { manifest: { config: { mediaType: 'application/vnd.x', digest: digest(''), size: 0 } } },
  ],
  ['a layer that is no archive', /no tar archive/, { mediaType: 'application/x-php' }],
  [
    'a layer at another place',
    /lacks the layer/,
    {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      layer: { digest: digest('elsewhere'), urls: ['http://127.0.0.1/layer'] },
    },
  ],
  ['a layer of another size', /bytes, not 1/, { layer: { size: 1 } }],
  ['fewer layers than hashes', /0 hashes/, { rootfs: { diff_ids: [] } }],
  ['another content', /when it is unpacked/, { rootfs: { diff_ids: [digest('other')] } }],
  ['another system', /not for Linux/, { os: 'windows' }],
  ['an environment that is none', /Env: a list/, { config: { Env: { A: 'b' } } }],
  ['arguments that are none', /Cmd: a text/, { config: { Cmd: [{ a: 1 }] } }],
];

t.test('the documents of an image are verified', async (t) => {
  for (const [what, words, wrong, change] of documents) {
    const path = newPath();
    writeLayout(path, [archive(file('a'))], wrong);
    change?.(path);
    await t.rejects(readImage(bytePath(path)), { code: 'ERR_IMAGE', message: words }, what);
  }
});

t.test('the files of an image are verified', async (t) => {
  const change = (what: string, words: RegExp, edit: (path: string, blob: string) => void) => {
    const path = newPath();
    const [layer = ''] = writeLayout(path, [archive(file('a'))]);
    edit(path, `${path}/blobs/sha256/${layer.slice(7)}`);
    return t.rejects(readImage(bytePath(path)), { code: 'ERR_IMAGE', message: words }, what);
  };
  await change('one byte of a layer differs', /damaged|is not that of/, (_, blob) => {
    const data = readFileSync(blob);
    data[data.length - 6] = (data[data.length - 6] ?? 0) ^ 1;
    writeFileSync(blob, data);
  });
  await change('another archive', /is not that of sha256/, (_, blob) => {
    const size = readFileSync(blob).length;
    for (let pad = 0; ; pad++) {
      const other = gzipSync(archive(file('a', 'y'.repeat(pad))), { level: 1 });
      if (other.length < size && pad < 3) continue;
      writeFileSync(blob, Buffer.concat([other, Buffer.alloc(size)]).subarray(0, size));
      return;
    }
  });
  await change('huge JSON', /larger than 4 MB/, (path) =>
    writeFileSync(`${path}/index.json`, Buffer.alloc(5 << 20, 0x20)),
  );
  await change('deep JSON', /index.json/, (path) => writeFileSync(`${path}/index.json`, '['.repeat(1 << 20)));
  // oxlint-disable-next-line no-control-regex
  const plain = /index.json: [^\0\u001b]+$/;
  await change('no JSON', plain, (path) => writeFileSync(`${path}/index.json`, '\0\u001b[31m'));
  await change('no image of docker save', /lacks the layer \\x1b/, (path) => {
    const config = { os: 'linux', architecture: 'x', rootfs: { diff_ids: [digest('')] } };
    writeFileSync(`${path}/config`, JSON.stringify(config));
    writeFileSync(`${path}/manifest.json`, JSON.stringify([{ Config: 'config', Layers: ['\u001b[31m'] }]));
    unlinkSync(`${path}/index.json`);
  });
  await change('a link to the host in place of a blob', /lacks the layer/, (_, blob) => {
    writeFileSync(`${directory}/outside`, readFileSync(blob));
    unlinkSync(blob);
    symlinkSync(`${directory}/outside`, blob);
  });
  const empty = newPath();
  mkdirSync(empty);
  await t.rejects(readImage(bytePath(empty)), { code: 'ERR_IMAGE', message: /neither an image layout/ });
  await t.rejects(readImage(bytePath(newPath())), { code: 'ERR_USAGE', message: /it is not there/ });
  await t.rejects(readImage(bytePath('/dev/null')), { code: 'ERR_USAGE' });
});

t.test('what is small in the archive and large for its reader', async (t) => {
  const path = newPath();
  writeFileSync(path, archive(file('a', 'x'.repeat(600)), hard('b', 'a')));
  const message = /are larger than 1000 bytes/;
  await t.rejects(readImage(bytePath(path), { mostBytes: 1000 }), { code: 'ERR_IMAGE', message });
  t.same((await readImage(bytePath(path), { mostBytes: 1200 })).entries.length, 2);
  writeFileSync(path, archive(pax({ 'SCHILY.xattr.user.a': 'x'.repeat(9000) }, 'g'), file('a'), file('b')));
  const { entries } = await readImage(bytePath(path));
  t.same(
    entries.map(({ xattrs }) => xattrs.size),
    [0, 0],
  );
  const entry = {
    name: bytePath('a'),
    kind: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    mtimeS: 0,
    sizeBytes: 1,
  } as const;
  const more = { target: bytePath(''), major: 0, minor: 0, xattrs: new Map() };
  const read: NonNullable<ReadImageOptions['read']> = async (_, events) => {
    events.entry({ ...entry, ...more });
    events.data(Buffer.alloc(2));
  };
  await t.rejects(
    readImage(bytePath(path), { read }),
    { message: /larger than its size/ },
    'the other process lies',
  );
  for (const text of ['['.repeat(5 << 20), `{"format":1${'['.repeat(5 << 20)}`, '\u001f\u008b'])
    t.throws(() => parseTravelled(Buffer.from(text)), { message: /is not the manifest/ });
  writeFileSync(path, archive(link('blobs', 'http://['), file('manifest.json', '[]')));
  await t.rejects(readImage(bytePath(path)), { code: 'ERR_IMAGE' }, 'a target that is no URL');
});

t.test('too many entries are refused before they are all read', async (t) => {
  const path = newPath();
  const many = Buffer.concat(Array.from({ length: 4096 }, () => folder('a')));
  // members of gzip follow each other
  writeFileSync(path, Buffer.concat(Array.from({ length: 256 }, () => gzipSync(many, { level: 1 }))));
  const message = /more than 10000 files/;
  await t.rejects(readImage(bytePath(path), { mostEntries: 10_000 }), { code: 'ERR_IMAGE', message });
  const deep = Array.from({ length: 40 }, (_, at) => pax({ path: `${at}${'/a'.repeat(2000)}` }));
  writeFileSync(path, archive(...deep.flatMap((records) => [records, folder('x')])));
  await t.rejects(readImage(bytePath(path), { mostEntries: 10_000 }), { code: 'ERR_IMAGE', message });
});
