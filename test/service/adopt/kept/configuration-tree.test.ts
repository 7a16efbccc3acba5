// What differs between two configurations.
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';

import { bytePath } from '../../../../lib/tree/path.ts';
import {
  changedPaths,
  differences,
  readTree,
  type Tree,
  type TreeEntry,
} from '../../../../lib/service/adopt/kept/configuration-tree.ts';
import { temporaryDirectory } from '../../../support/launch.ts';

const file: TreeEntry = { mode: 0o100644, uid: 0, gid: 0, size: 5, target: undefined };
const directory: TreeEntry = { ...file, mode: 0o40755, size: 0 };
const link: TreeEntry = { ...file, mode: 0o120777, size: 0, target: bytePath('a') };

const tree = (entries: Record<string, TreeEntry>): Tree =>
  new Map(Object.entries(entries).map(([path, entry]) => [bytePath(path), entry]));

t.test('owner, mode, size, target and content count', async (t) => {
  const kept = tree({ '': directory, '/a': file, '/b': link });
  const differing = (more: Record<string, TreeEntry>, isSame = true): readonly string[] =>
    differences(kept, tree({ '': directory, '/a': file, '/b': link, ...more }), () => isSame);
  t.same(differing({}), []);
  t.same(differing({}, false), ['/a'], 'only files have content');
  for (const change of [{ mode: 0o100640 }, { uid: 1 }, { gid: 1 }, { size: 6 }])
    t.same(differing({ '/a': { ...file, ...change } }), ['/a']);
  t.same(differing({ '/b': { ...link, target: bytePath('c') } }), ['/b']);
  t.same(differing({ '/b': file }), ['/b'], 'another type');
});

t.test('of what only one has, the uppermost is named', async (t) => {
  const one = tree({ '': directory, '/sites': directory, '/sites/a': file });
  const other = tree({ '': directory });
  const ask = (a: Tree, b: Tree): readonly string[] => differences(a, b, () => true);
  t.same(ask(one, other), ['/sites']);
  t.same(ask(other, one), ['/sites']);
  t.same(ask(one, tree({})), ['']);
});

t.test('trees of a disk are compared, and are read up to a bound', async (t) => {
  const top = temporaryDirectory();
  const bound = { entries: 4, bytes: 20 };
  for (const name of ['one', 'two']) {
    mkdirSync(`${top}/${name}/sub`, { recursive: true });
    writeFileSync(`${top}/${name}/sub/f`, 'same');
    symlinkSync('sub/f', `${top}/${name}/link`);
  }
  const [one, two] = [bytePath(`${top}/one`), bytePath(`${top}/two`)];
  const changed = (): readonly string[] => changedPaths(one, two, bound);
  t.equal(readTree(one, bound)?.size, 4);
  t.same(changed(), []);
  writeFileSync(`${top}/two/sub/f`, 'else');
  t.same(changed(), ['/sub/f']);
  writeFileSync(`${top}/two/sub/f`, 'same');
  chmodSync(`${top}/two/sub`, 0o700);
  t.same(changed(), ['/sub']);
  writeFileSync(`${top}/two/sub/f`, 'x'.repeat(21));
  t.equal(readTree(two, bound), undefined, 'too many bytes');
  t.same(changed(), [''], 'too large is different');
  rmSync(`${top}/two/sub/f`);
  for (const name of ['3', '4']) writeFileSync(`${top}/two/${name}`, '');
  t.equal(readTree(two, bound), undefined, 'too many files');
});
