// Headers of archives, as Python reads them.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

import t from 'tap';

import { tarEnd, tarHeader, type TarEntry } from '../../../lib/jail/image/tar.ts';
import { bytePath, type BytePath } from '../../../lib/tree/path.ts';
import { unlessInstalled } from '../../support/root.ts';

const reader = `
import json, sys, tarfile
print(json.dumps([[e.name, e.type.decode(), e.mode, e.uid, e.gid, e.size, e.mtime, e.linkname, e.devmajor, e.devminor]
                  for e in tarfile.open(sys.argv[1], 'r|', errors='surrogateescape')]))
`;

const usual = { mode: 0o644, uid: 0, gid: 0, mtimeS: 0 } as const;
const name = (length: number) => 'n'.repeat(length);

// What Python says of the entry before the end, in the order of the reader.
const rows: readonly (readonly [TarEntry, readonly unknown[]])[] = [
  [
    { ...usual, path: bytePath('/a'), kind: 'directory', mode: 0o1777, mtimeS: 0o77777777777 },
    ['a', '5', 0o1777, 0, 0, 0, 0o77777777777, '', 0, 0],
  ],
  [
    { ...usual, path: bytePath('/a/null'), kind: 'device', major: 1, minor: 3 },
    ['a/null', '3', 0o644, 0, 0, 0, 0, '', 1, 3],
  ],
  // the last ids that fit into the field, and the first that do not
  [
    { ...usual, path: bytePath('/a/b'), kind: 'file', uid: 0o7777777, gid: 0o10000000 },
    ['a/b', '0', 0o644, 0o7777777, 0o10000000, 0, 0, '', 0, 0],
  ],
  [
    { ...usual, path: bytePath('/a/c'), kind: 'file', uid: 4_294_967_294 },
    ['a/c', '0', 0o644, 4_294_967_294, 0, 0, 0, '', 0, 0],
  ],
  [
    { ...usual, path: bytePath('/a/d'), kind: 'file', mtimeS: 9_999_999_999 },
    ['a/d', '0', 0o644, 0, 0, 0, 9_999_999_999, '', 0, 0],
  ],
  ...[99, 100, 101, 255].map((length): readonly [TarEntry, readonly unknown[]] => [
    { ...usual, path: bytePath(`/${name(length)}`), kind: 'link', target: bytePath(name(length)) },
    [name(length), '2', 0o644, 0, 0, 0, 0, name(length), 0, 0],
  ]),
  // a record whose own length gets one digit more by being counted
  [
    { ...usual, path: bytePath(`/${name(90)}/${name(10)}`), kind: 'directory' },
    [`${name(90)}/${name(10)}`, '5', 0o644, 0, 0, 0, 0, '', 0, 0],
  ],
];

t.test('each entry', { skip: unlessInstalled('python3') }, (t) => {
  const file = `${t.testdir({})}/archive`;
  writeFileSync(file, Buffer.concat([...rows.map(([entry]) => tarHeader(entry)), tarEnd]));
  const read = JSON.parse(execFileSync('python3', ['-c', reader, file], { encoding: 'utf8' }));
  t.same(
    read,
    rows.map(([, expected]) => expected),
  );
  // 9 GiB: only the header, which has the size of every other one
  const huge = tarHeader({ ...usual, path: bytePath('/l'), kind: 'file', sizeBytes: 9 * 2 ** 30 });
  t.equal(huge.length, 512);
  t.equal(huge.toString('hex', 124, 136), '800000000000000240000000');
  const latin = tarHeader({
    ...usual,
    path: `/${name(100)}\xe9` as BytePath,
    kind: 'directory',
  });
  t.ok(latin.includes('21 hdrcharset=BINARY\n'), 'bsdtar takes a name for UTF-8 without it');
  t.end();
});
