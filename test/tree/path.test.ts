import t from 'tap';

import {
  bytePath,
  isWithin,
  joinPath,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
  showPaths,
  toLatin1,
  trimSlashes,
} from '../../lib/tree/path.ts';

t.test('a string becomes UTF-8 and bytes stay as they are', async (t) => {
  t.same(pathBytes(bytePath('/é')), Buffer.from('/é'));
  t.same(pathBytes(bytePath(Buffer.from([0x2f, 0xff, 0x80]))), Buffer.from([0x2f, 0xff, 0x80]));
});

t.test('every byte is one character, in short texts and in long ones', async (t) => {
  for (const length of [0, 1, 63, 64, 65, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) % 256);
    const text = toLatin1(bytes);
    t.equal(text.length, length);
    t.ok(bytes.every((byte, i) => text.charCodeAt(i) === byte));
    t.same(pathBytes(text), Buffer.from(bytes));
  }
});

t.test('a part of a larger buffer is taken, not the buffer', async (t) => {
  t.equal(bytePath(new Uint8Array([0x41, 0x42, 0x43]).subarray(1, 2)), 'B');
});

t.test('a message shows UTF-8 as it reads and everything else escaped', async (t) => {
  t.equal(showPath(bytePath('/srv/größe')), '/srv/größe');
  t.equal(showPath(bytePath('/a\nb\x1b[2J')), '/a\\nb\\x1b[2J');
  t.equal(showPath(bytePath(Buffer.from([0x2f, 0xff]))), '/\\xff');
});

t.test('paths are joined, cut and trimmed without being followed', async (t) => {
  t.equal(joinPath(bytePath('/'), bytePath('a')), '/a');
  t.equal(joinPath(bytePath('/a'), bytePath('b')), '/a/b');
  t.equal(joinPath(bytePath('/a/'), bytePath('b')), '/a/b');
  t.equal(joinPath(bytePath('/a'), bytePath('/b')), '/b');
  t.equal(parentPath(bytePath('/a/b')), '/a');
  t.equal(parentPath(bytePath('/a')), '/');
  t.equal(parentPath(bytePath('/')), '/');
  t.equal(parentPath(bytePath('a')), '.');
  t.equal(parentPath(bytePath('a/b')), 'a');
  t.equal(lastComponent(bytePath('/a/b')), 'b');
  t.equal(lastComponent(bytePath('b')), 'b');
  t.equal(trimSlashes(bytePath('/a//')), '/a');
  t.equal(trimSlashes(bytePath('///')), '/');
  t.equal(trimSlashes(bytePath('')), '');
});

t.test('isWithin goes by whole components', async (t) => {
  const within = (path: string, directory: string) => isWithin(bytePath(path), bytePath(directory));
  t.ok(within('/a/b', '/a'));
  t.ok(within('/a', '/a'));
  t.ok(within('/a', '/'));
  t.notOk(within('/ab', '/a'));
  t.notOk(within('/', '/a'));
});

t.test('five paths are shown, and the number of the others', async (t) => {
  const paths = ['/a', '/b', '/c', '/d', '/e', '/f', '/g'].map((path) => bytePath(path));
  t.equal(showPaths(paths.slice(0, 1)), '/a');
  t.equal(showPaths(paths.slice(0, 5)), '/a, /b, /c, /d, /e');
  t.equal(showPaths(paths), '/a, /b, /c, /d, /e, and 2 more');
});
