import { mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { environmentFiles } from '../../../lib/service/adopt/environment-file.ts';
import { makeDirectory } from '../../support/directory.ts';

const read = (...files: readonly (readonly [path: string, isOptional: boolean])[]) =>
  environmentFiles({ unit: 'web.service', settings: { EnvironmentFiles: files } }).map((file) =>
    Object.fromEntries(file),
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

t.test('a file that is not there is an error, unless the unit says that it may be missing', async (t) => {
  const directory = makeDirectory(t);
  for (const name of ['none', 'none*']) {
    t.same(read([`${directory}/${name}`, true]), []);
    t.throws(() => read([`${directory}/${name}`, false]), {
      name: 'UsageError',
      message: `web.service cannot start: ${directory}/${name}, its EnvironmentFile=, is not there`,
    });
  }
});
