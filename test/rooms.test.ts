// The rooms of lib and native, as CONTRIBUTING describes them.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import t from 'tap';

import { packageDirectory } from './support/launch.ts';

const filesBelow = (directory: string): readonly string[] =>
  readdirSync(join(packageDirectory, directory), { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((name) => statSync(join(packageDirectory, name)).isFile());

t.test('no two files have one name, but for index.ts', async (t) => {
  for (const directory of ['lib', 'native']) {
    const names = filesBelow(directory).map((file) => basename(file));
    t.ok(names.length > 50);
    t.same(
      names.filter((name, i) => name !== 'index.ts' && names.indexOf(name) !== i),
      [],
      directory,
    );
  }
});

// A room may import those that stand behind it.
const rooms = [
  ['bin'],
  ['inetd'],
  ['service'],
  ['jail'],
  ['tcpwrappers'],
  ['launch'],
  ['binary'],
  ['findings', 'trust', 'native'],
];

t.test('no import runs upward, not even that of a type', async (t) => {
  const floorOf = (file: string): number =>
    rooms.findIndex((names) => names.some((name) => file.startsWith(`lib/${name}/`)));
  const upward = filesBelow('lib')
    .filter((file) => file.endsWith('.ts') && floorOf(file) >= 0)
    .flatMap((file) => {
      const text = readFileSync(join(packageDirectory, file), 'utf8');
      const imports = [...text.matchAll(/\bfrom '(\.[^']+)'/g)].map(([, name = '']) =>
        join(dirname(file), name),
      );
      return imports
        .filter((target) => floorOf(target) >= 0 && floorOf(target) < floorOf(file))
        .map((target) => `${file} imports ${target}`);
    });
  t.same(upward, []);
});

t.test('each room of CONTRIBUTING is there, and each directory of lib is named', async (t) => {
  const page = readFileSync(join(packageDirectory, 'CONTRIBUTING.md'), 'utf8');
  const directories = readdirSync(join(packageDirectory, 'lib'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `lib/${name}/`);
  t.same(
    directories.filter((name) => !page.includes(name)),
    [],
  );
  t.same(
    rooms
      .flat()
      .map((name) => `lib/${name}/`)
      .filter((name) => !directories.includes(name)),
    [],
  );
});
