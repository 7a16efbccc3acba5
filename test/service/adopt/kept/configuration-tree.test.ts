// What differs between two configurations.
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';

import { bytePath } from '../../../../lib/tree/path.ts';
import {
  changedPaths,
  differences,
  readTree,
  type Tree,
} from '../../../../lib/service/adopt/kept/configuration-tree.ts';
import { temporaryDirectory } from '../../../support/launch.ts';

const tree = (...paths: readonly string[]): Tree =>
  new Map(paths.map((path) => [bytePath(path), 'the same']));

t.test('of what only one has, the uppermost is named', async (t) => {
  const one = tree('', '/sites', '/sites/a');
  t.same(differences(one, tree('')), ['/sites']);
  t.same(differences(tree(''), one), ['/sites']);
  t.same(differences(one, tree()), ['']);
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
  t.equal(readTree(one, bound)?.tree.size, 4);
  t.same(changed(), []);
  writeFileSync(`${top}/two/sub/f`, 'else');
  t.same(changed(), ['/sub/f'], 'the content');
  writeFileSync(`${top}/two/sub/f`, 'same');
  chmodSync(`${top}/two/sub`, 0o700);
  t.same(changed(), ['/sub'], 'the mode');
  rmSync(`${top}/two/link`);
  symlinkSync('sub', `${top}/two/link`);
  t.same(changed(), ['/link', '/sub'], 'the target');
  writeFileSync(`${top}/two/sub/f`, 'x'.repeat(21));
  t.equal(readTree(two, bound), undefined, 'too many bytes');
  t.same(changed(), [''], 'too large is different');
  rmSync(`${top}/two/sub/f`);
  for (const name of ['3', '4']) writeFileSync(`${top}/two/${name}`, '');
  t.equal(readTree(two, bound), undefined, 'too many files');
});
