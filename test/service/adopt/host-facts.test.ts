import { mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { environmentOf } from '../../../lib/service/adopt/host-facts.ts';
import { makeDirectory } from '../../support/directory.ts';

type Named = readonly [path: string, isOptional: boolean];

const missing: string[] = [];
const read = (...files: readonly Named[]) =>
  environmentOf({ settings: { EnvironmentFiles: files } }, (pattern) => missing.push(pattern)).map(
    ({ variables }) => Object.fromEntries(variables),
  );

t.test('a pattern names all files that match, in the order of their names', async (t) => {
  const directory = makeDirectory(t);
  mkdirSync(`${directory}/web.d`);
  for (const [name, text] of [
    ['b.conf', 'A=b'],
    ['a.conf', 'A=a\nB=a'],
    ['c.off', 'A=c'],
    ['.d.conf', 'A=d'],
  ] as const)
    writeFileSync(`${directory}/web.d/${name}`, text);
  t.same(read([`${directory}/web.d/*.conf`, false], [`${directory}/web.?/c.off`, true]), [
    { A: 'a', B: 'a' },
    { A: 'b' },
    { A: 'c' },
  ]);
});

t.test('a file that is not there is missed, unless the unit says that it may be missing', async (t) => {
  const directory = makeDirectory(t);
  const both = [`${directory}/none`, `${directory}/none*`];
  for (const path of both) t.same(read([path, true]), []);
  t.same(missing, []);
  for (const path of both) t.same(read([path, false]), []);
  t.same(missing, both);
});
