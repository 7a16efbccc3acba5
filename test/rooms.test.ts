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

// A room may import those that stand behind it. The last one is the files of lib itself.
const rooms = [
  ['bin'],
  ['inetd'],
  ['service'],
  ['workspace'],
  ['jail'],
  ['tcpwrappers'],
  ['launch'],
  ['outbound'],
  ['binary'],
  ['tree'],
  ['findings', 'trust', 'native'],
  ['values'],
  ['mistakes'],
  ['words'],
];

const importsOf = (file: string): readonly string[] => {
  const text = readFileSync(join(packageDirectory, file), 'utf8');
  return [...text.matchAll(/\b(?:from |import\()'(\.[^']+)'/g)].map(([, name = '']) =>
    join(dirname(file), name),
  );
};

// Entry points of the package; and the file that loads the addon, with the types of its calls.
const entries = new Set(['lib/index.ts', 'lib/posix.ts', 'lib/native.ts']);

t.test('no import runs upward, not even that of a type', async (t) => {
  const floorOf = (file: string): number => {
    const floor = rooms.findIndex((names) => names.some((name) => file.startsWith(`lib/${name}/`)));
    return floor < 0 ? rooms.length : floor;
  };
  const upward = filesBelow('lib')
    .filter((file) => file.endsWith('.ts') && !entries.has(file))
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => floorOf(target) < floorOf(file))
        .map((target) => `${file} imports ${target}`),
    );
  t.same(upward, []);
});

// The floors of lib/launch: each may import those that stand behind it, and its own.
const floors = [
  ['compile', 'doctor'],
  ['start'],
  ['tell', 'process'],
  ['plan'],
  ['host'],
  ['seccomp'],
  ['request'],
];

t.test('the floors of lib/launch stand on those below, for types too', async (t) => {
  const floorOf = (file: string): number => {
    const floor = floors.findIndex((names) => names.includes(file.split('/')[2] ?? ''));
    t.ok(floor >= 0, file);
    return floor;
  };
  const upward = filesBelow('lib/launch').flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('lib/launch/') && target.split('/')[2] !== file.split('/')[2])
      .filter((target) => floorOf(target) <= floorOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  t.same(upward, []);
});

// Each circle by its first file: the strongly connected parts of the graph of imports (Tarjan).
function circles(): readonly string[] {
  const files = filesBelow('lib').filter((file) => file.endsWith('.ts'));
  const known = new Set(files);
  const places = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[] = [];
  const visit = (file: string): number => {
    const place = places.size;
    places.set(file, place);
    let low = place;
    open.push(file);
    for (const target of importsOf(file).filter((name) => known.has(name))) {
      if (!places.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, lowest.get(target) ?? places.get(target) ?? low);
      lowest.set(file, low);
    }
    if (low < place) return low;
    const members = open.splice(open.indexOf(file)).toSorted();
    if (members.length > 1) found.push(members.join(' '));
    return low;
  };
  for (const file of files) if (!places.has(file)) visit(file);
  return found.toSorted();
}

t.test('no files of lib import each other in a circle, not even for types', async (t) => {
  t.same(circles(), []);
});

t.test('each room of lib/jail imports those above it in the table of doc/design/jail.md', async (t) => {
  const page = readFileSync(join(packageDirectory, 'doc/design/jail.md'), 'utf8');
  const table = page.slice(
    page.indexOf('| room of lib/jail |'),
    page.indexOf('Each room imports those above'),
  );
  // A row of files is the last one.
  const order = table.split('\n').flatMap((line) => /^\| ([a-z]+) \|/.exec(line)?.[1] ?? []);
  t.same(
    order.toSorted(),
    readdirSync(join(packageDirectory, 'lib/jail'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted(),
  );
  const placeOf = (file: string): number => {
    const place = order.indexOf(file.split('/')[2] ?? '');
    return place < 0 ? order.length : place;
  };
  const upward = filesBelow('lib/jail').flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('lib/jail/') && placeOf(target) > placeOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  t.same(upward, []);
});

// A Node with the libuv of the host, as Debian's, refuses them: it does not know whether that uses io_uring(7).
t.test("nothing in lib changes its ids by Node's own calls", async (t) => {
  const own = filesBelow('lib').filter((file) =>
    /process\.(?:set(?:e?[ug]id|groups)|initgroups)\b/.test(
      readFileSync(join(packageDirectory, file), 'utf8'),
    ),
  );
  t.same(own, []);
});

t.test('each room of CONTRIBUTING is there, and each directory of lib is named', async (t) => {
  const page = readFileSync(join(packageDirectory, 'CONTRIBUTING.md'), 'utf8');
  const directories = readdirSync(join(packageDirectory, 'lib'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `lib/${name}/`);
  const inner = directories.flatMap((directory) =>
    readdirSync(join(packageDirectory, directory), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ` ${name}/`),
  );
  t.same(
    [...directories, ...inner].filter((name) => !page.includes(name)),
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

// Lines, with their comments. A change that needs more says here, and in its commit, what it buys; a room that shrinks lowers its bound.
const mostLines: Readonly<Record<string, number>> = {
  bin: 5050,
  binary: 2210,
  inetd: 4550,
  jail: 23_030,
  launch: 19_810,
  outbound: 1400,
  service: 10_530,
  tcpwrappers: 6350,
  tree: 750,
  trust: 660,
  values: 1100,
  workspace: 1310,
};

t.test('no room of lib grows unseen', async (t) => {
  for (const [room, most] of Object.entries(mostLines)) {
    const files = filesBelow(`lib/${room}`).filter((file) => file.endsWith('.ts'));
    const lines = files.map(
      (file) => readFileSync(join(packageDirectory, file), 'utf8').split('\n').length - 1,
    );
    const sum = lines.reduce((all, one) => all + one, 0);
    t.ok(sum <= most, `lib/${room}: ${sum} of ${most}`);
    t.ok(sum > most * 0.9, `lib/${room}: ${sum} of ${most}: lower the bound`);
  }
});
