// Images as they are read: the layers become one tree.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';

import t from 'tap';

import { readImage } from '../../../lib/jail/image/read-image.ts';
import { bytePath } from '../../../lib/tree/path.ts';
import { makeDirectory } from '../../support/directory.ts';
import { archive, member, pax, sha256, writeLayout } from '../../support/jail/images.ts';

const directory = makeDirectory(t);
let count = 0;

const directoryOf = (name: string, mode = 0o755): Buffer => member({ name, type: '5', mode });
const file = (name: string, content: string): Buffer => member({ name, content });

/** A line for each path of an image with these layers. */
async function linesOf(...layers: readonly Buffer[]): Promise<readonly string[]> {
  const layout = `${directory}/${count++}`;
  writeLayout(layout, layers);
  const { entries } = await readImage(bytePath(layout));
  return entries.map(({ path, kind, content, target, mode }) => {
    const what =
      kind === 'file'
        ? `${content?.sizeBytes} ${content?.sha256.slice(0, 6)}`
        : kind === 'link'
          ? `-> ${target}`
          : kind;
    return `${path} ${mode.toString(8)} ${what}`;
  });
}

const of = (text: string): string => sha256(Buffer.from(text)).slice(0, 6);

t.test('a later layer replaces and hides what the ones before it have', async (t) => {
  const lines = await linesOf(
    archive(
      directoryOf('./a/'),
      file('a/old', 'old'),
      file('a/gone', 'gone'),
      directoryOf('hidden/', 0o700),
      file('hidden/one', '1'),
      member({ name: 'lib', type: '2', target: 'usr/lib' }),
      directoryOf('usr/lib/'),
    ),
    archive(
      file('a/old', 'new!'),
      file('a/.wh.gone', ''),
      file('hidden/two', '2'),
      file('hidden/.wh..wh..opq', ''),
      file('lib/x', 'x'),
      member({ name: 'usr/y', type: '1', target: 'lib/x' }),
      file('.wh.nothing', ''),
      file('.wh..wh.plnk', ''),
    ),
  );
  t.same(lines, [
    '/a 755 directory',
    `/a/old 644 4 ${of('new!')}`,
    '/hidden 700 directory',
    `/hidden/two 644 1 ${of('2')}`,
    '/lib 644 -> usr/lib',
    '/usr 755 directory',
    '/usr/lib 755 directory',
    `/usr/lib/x 644 1 ${of('x')}`,
    `/usr/y 644 1 ${of('x')}`,
  ]);
});

t.test('in the archive of a root directory a name that hides in a layer is that of a file', async (t) => {
  const path = `${directory}/tree.tar`;
  writeFileSync(path, archive(file('a/x', 'x'), file('a/.wh.x', 'kept'), file('.wh.d/y', 'y')));
  const { entries } = await readImage(bytePath(path));
  t.same(
    entries.map((entry) => entry.path),
    ['/.wh.d', '/.wh.d/y', '/a', '/a/.wh.x', '/a/x'],
  );
});

t.test('records of pax give names, sizes and attributes, which are bytes', async (t) => {
  const layout = `${directory}/pax`;
  const long = `${'d'.repeat(200)}/${'n'.repeat(200)}`;
  writeLayout(layout, [
    archive(
      pax({
        path: long,
        'SCHILY.xattr.security.capability': Buffer.from([1, 0, 10, 61, 255]),
        mtime: '-5.5',
      }),
      file('x', 'long'),
      pax({ path: Buffer.from([0x61, 0xff]), hdrcharset: 'BINARY' }),
      file('y', ''),
      member({ name: '././@LongLink', type: 'L', content: `${'g'.repeat(150)}\0` }),
      member({ name: 'z', type: '2', target: '/anywhere' }),
    ),
  ]);
  const { entries } = await readImage(bytePath(layout));
  t.same(
    entries.map(({ path }) => path),
    ['/a\u00ff', `/${'d'.repeat(200)}`, `/${long}`, `/${'g'.repeat(150)}`],
  );
  t.same([...(entries[2]?.xattrs ?? [])], [['security.capability', Buffer.from([1, 0, 10, 61, 255])]]);
  t.equal(entries[2]?.mtimeS, 0);
});

t.test('a sparse file of GNU tar has its holes, in each of its formats', async (t) => {
  const from = makeDirectory(t);
  const content = Buffer.alloc(600_000);
  for (const at of [0, 100_000, 250_000, 300_000, 400_000, 500_000, 599_999]) content[at] = 7;
  const fd = openSync(`${from}/sparse`, 'wx');
  for (const [at, byte] of content.entries()) if (byte !== 0) writeSync(fd, content, at, 1, at);
  closeSync(fd);
  for (const format of [
    ['--format=gnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ]) {
    execFileSync('tar', ['-cSf', `${from}/a.tar`, ...format, '-C', from, 'sparse']);
    const { entries } = await readImage(bytePath(`${from}/a.tar`));
    t.same(
      entries.map(({ path, content }) => [path, content?.sizeBytes, content?.sha256]),
      [['/sparse', 600_000, sha256(content)]],
      format.join(' '),
    );
  }
});

t.test('the content of each file is given to whom asks for it', async (t) => {
  const layout = `${directory}/sinks`;
  writeLayout(layout, [archive(file('a', 'first'), file('b', 'no')), archive(file('a', 'second'))]);
  const seen: string[] = [];
  const { entries } = await readImage(bytePath(`${layout}:latest`), {
    sinkFor: ({ number }, name) =>
      name === 'a'
        ? {
            write: (piece) => seen.push(`${number} ${Buffer.from(piece).toString()}`),
            end: () => seen.push('end'),
          }
        : undefined,
  });
  t.same(seen, ['0 first', 'end', '2 second', 'end']);
  t.same(
    entries.map(({ content }) => content?.number),
    [2, 1],
  );
});
