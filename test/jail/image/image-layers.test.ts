// Which layer of an image has which file.
import t from 'tap';

import { layersOf } from '../../../lib/jail/image/image-layers.ts';
import { type BytePath, bytePath } from '../../../lib/tree/path.ts';

type Row = readonly [path: string, group?: string, sizeBytes?: number, mtimeS?: number];

const rows: readonly Row[] = [
  ['/etc/'],
  ['/etc/own'],
  ['/usr/'],
  ['/usr/a', 'small', 1, 5],
  ['/usr/b', 'old', 10, 1],
  ['/usr/lib/'],
  ['/usr/lib/c', 'new', 20, 9],
  ['/usr/lib/d', 'old', 5, 2],
  ['/usr/lib/e', 'tiny', 1],
];

function pathsOf(most: number, all = rows): readonly (readonly BytePath[])[] {
  const work = layersOf(all, most, ([name, group, sizeBytes, mtimeS = 0]) => {
    const isDirectory = name.endsWith('/');
    return { path: bytePath(name.replace(/\/$/, '')), isDirectory, sizeBytes, mtimeS, group };
  });
  for (let step = work.next(); ; step = work.next())
    if (step.done === true) return step.value.map((layer) => layer.map(([name]) => bytePath(name)));
}

t.test('the largest groups have layers of their own, with the directories above their files', (t) => {
  const own = ['/etc/', '/etc/own', '/usr/', '/usr/lib/'];
  t.same(pathsOf(1), [rows.map(([name]) => name)]);
  const old = ['/usr/', '/usr/b', '/usr/lib/', '/usr/lib/d'];
  const others = ['/usr/', '/usr/a', '/usr/lib/', '/usr/lib/e'];
  t.same(pathsOf(4), [old, ['/usr/', '/usr/lib/', '/usr/lib/c'], others, own], 'the oldest first');
  const packages = ['/usr/', '/usr/a', '/usr/b', '/usr/lib/', '/usr/lib/c', '/usr/lib/d', '/usr/lib/e'];
  t.same(pathsOf(2), [packages, own]);
  t.equal(pathsOf(100).length, 5, 'no layer is empty');
  // of two sizes that change places, each keeps its layer
  const updated = rows.map((row): Row => (row[0] === '/usr/lib/c' ? [row[0], 'new', 14, 10] : row));
  t.same(pathsOf(4, updated), pathsOf(4));
  t.end();
});
