import * as fc from 'fast-check';
import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { readArchive } from '../../../lib/jail/packs/locale.ts';
import { memoryRoot, type Tree } from '../../support/binary/image.ts';
import { makeProgram, pathsIn, planOf, writtenIn } from '../../support/jail/jail.ts';

const CATEGORIES = 13;
const ARCHIVE = '/usr/lib/locale/locale-archive';

/** As localedef(1) writes it: a head, a hash table of names, names, records, and the categories themselves. */
function makeArchive(locales: readonly string[]): Buffer {
  const words = (...values: readonly number[]) => {
    const data = Buffer.alloc(values.length * 4);
    values.forEach((value, at) => data.writeUInt32LE(value, at * 4));
    return data;
  };
  const size = locales.length + 2; // it is never full
  const [hashAt, nameAt] = [56, 56 + size * 12];
  const names = Buffer.from(locales.map((name) => `${name}\0`).join(''));
  const recordAt = nameAt + names.length;
  const recordBytes = 4 + CATEGORIES * 8;
  const dataAt = recordAt + locales.length * recordBytes;
  const content = (name: string, number: number) => `${name} ${String(number).padStart(2, '0')}`;
  const hashes: number[] = [];
  const records: number[] = [];
  const data: string[] = [];
  let end = dataAt;
  locales.forEach((name, index) => {
    const offset = nameAt + locales.slice(0, index).join('\0').length + (index > 0 ? 1 : 0);
    hashes.push(1, offset, recordAt + index * recordBytes);
    records.push(1);
    for (let number = 0; number < CATEGORIES; number++) {
      const text = content(name, number);
      records.push(end, text.length);
      data.push(text);
      end += text.length;
    }
  });
  return Buffer.concat([
    words(
      0xde020109,
      1,
      hashAt,
      locales.length,
      size,
      nameAt,
      names.length,
      names.length,
      recordAt,
      0,
      0,
      0,
      0,
      0,
    ),
    words(0, 0, 0, ...hashes, 0, 0, 0),
    names,
    words(...records),
    Buffer.from(data.join('')),
  ]);
}

const host = (conf: string, tree: Tree = {}): Tree => ({
  '/bin/p': makeProgram({ imports: ['_ZNSt6localeC1EPKc'] }),
  '/etc/default/locale': conf,
  ...tree,
});

t.test('a locale comes out of the archive as files of its own', async (t) => {
  const tree = host('LANG=de_DE.UTF-8\n', { [ARCHIVE]: makeArchive(['C.utf8', 'de_DE.utf8', 'fr_FR.utf8']) });
  const plan = planOf(tree, ['/bin/p']);
  t.equal(writtenIn(plan, '/usr/lib/locale/de_DE.utf8/LC_CTYPE'), 'de_DE.utf8 00');
  t.equal(writtenIn(plan, '/usr/lib/locale/de_DE.utf8/LC_MESSAGES/SYS_LC_MESSAGES'), 'de_DE.utf8 05');
  t.equal(writtenIn(plan, '/usr/lib/locale/de_DE.utf8/LC_IDENTIFICATION'), 'de_DE.utf8 12');
  const paths = pathsIn(plan);
  for (const path of [ARCHIVE, '/usr/lib/locale/fr_FR.utf8']) t.notOk(paths.has(path), path);
});

t.test('each locale that is set comes along, those without language aside', async (t) => {
  const names = ['de_DE.utf8', 'sv_SE.iso88591', 'de_DE.utf8@euro', 'C.utf8'];
  const conf =
    'export LANG="de_DE.UTF-8@euro"\n#LC_ALL=fr_FR.UTF-8\nLC_TIME=sv_SE.ISO-8859-1\nLC_NUMERIC=C\n';
  const paths = pathsIn(planOf(host(conf, { [ARCHIVE]: makeArchive(names) }), ['/bin/p']));
  const made = [...paths].flatMap((path) => /^\/usr\/lib\/locale\/([^/]+)$/.exec(path)?.[1] ?? []);
  t.same(made.toSorted(), ['de_DE.utf8@euro', 'sv_SE.iso88591']);
});

t.test('a directory of its own is taken as it is, under either name', async (t) => {
  for (const name of ['de_DE.utf8', 'de_DE.UTF-8']) {
    const file = `/usr/lib/locale/${name}/LC_CTYPE`;
    const plan = planOf(host('LANG=de_DE.UTF-8', { [file]: 'x' }), ['/bin/p']);
    t.match(
      plan.entries.find(({ path }) => path === file),
      { kind: 'file', source: file },
    );
  }
});

t.test('a damaged archive gives other bytes, or nothing', async (t) => {
  const archive = makeArchive(['de_DE.utf8', 'fr_FR.utf8']);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(archive.length),
      (changes, length) => {
        const data = Buffer.from(archive);
        for (const [at, value] of changes) data[at] = value;
        const root = memoryRoot({ '/a': data.subarray(0, length) });
        return readArchive(root, bytePath('/a'), 'fr_FR.utf8').length < CATEGORIES;
      },
    ),
  );
  t.same(readArchive(memoryRoot({}), bytePath('/a'), 'C'), []);
});

t.test(
  'the library of a program that calls setlocale(3) counts as the program, one of others does not',
  async (t) => {
    const library = makeProgram({ imports: ['setlocale'] });
    const tree: Tree = {
      '/usr/bin/svn': makeProgram({ needed: ['libsvn.so.1'] }),
      '/lib/sys/libsvn.so.1': library,
      '/usr/bin/other': makeProgram({ needed: ['libsvn.so.1'] }),
      '/usr/lib/locale/C.utf8/LC_CTYPE': '',
      '/var/lib/dpkg/status': ['subversion', 'libsvn1', 'other']
        .map(
          (name) =>
            `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nSource: ${name.includes('svn') ? 'subversion' : name}\n`,
        )
        .join('\n'),
      '/var/lib/dpkg/info/subversion.list': '/.\n/usr/bin/svn\n',
      '/var/lib/dpkg/info/libsvn1.list': '/.\n/lib/sys/libsvn.so.1\n',
      '/var/lib/dpkg/info/other.list': '/.\n/usr/bin/other\n',
    };
    t.ok(pathsIn(planOf(tree, ['/usr/bin/svn'])).has('/usr/lib/locale/C.utf8/LC_CTYPE'));
    t.notOk(pathsIn(planOf(tree, ['/usr/bin/other'])).has('/usr/lib/locale/C.utf8/LC_CTYPE'));
  },
);
