// Libraries that are opened at run time, as .note.dlopen says; those that are needed are tested with the closure.

import t from 'tap';

import { type Closure, type ResolverOptions, resolveProgram } from '../../lib/binary/closure.ts';
import type { DlopenPriority } from '../../lib/binary/elf-dynamic.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { dlopenNotes, type ElfImage, makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';
import { patientMs } from '../support/patience.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const base: Tree = {
  [LOADER]: Buffer.concat([makeElf(), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]),
  '/lib/sys/libc.so.6': makeElf({ soname: 'libc.so.6' }),
};
const lib = (image: ElfImage = {}) => makeElf(image);

interface Wish {
  readonly soname: readonly string[];
  readonly priority?: string;
}
const opens = (wishes: readonly Wish[], image: ElfImage = {}) =>
  makeElf({ ...image, pieces: [dlopenNotes(wishes.map((wish) => JSON.stringify([wish])))] });
const program = (wishes: readonly Wish[], image: ElfImage = {}) =>
  opens(wishes, { interpreter: LOADER, needed: ['libc.so.6'], ...image });

const resolve = (tree: Tree, options: ResolverOptions = {}, path = '/p') =>
  resolveProgram(memoryRoot({ ...base, ...tree }), bytePath(path), { hasProc: true, ...options });
const opened = ({ files }: Closure) => files.filter(({ role }) => role === 'dlopen').map(({ path }) => path);

t.test('a library that a program opens comes after those it needs, with what it needs itself', async (t) => {
  const closure = resolve({
    '/p': program([{ soname: ['liba.so'] }]),
    '/lib/sys/liba.so': lib({ needed: ['libb.so', 'libc.so.6'] }),
    '/lib/sys/libb.so': lib(),
  });
  t.match(closure.files.slice(2), [
    { path: '/lib/sys/libc.so.6', role: 'library' },
    {
      path: '/lib/sys/liba.so',
      role: 'dlopen',
      neededBy: '/p',
      as: 'liba.so',
      foundBy: 'default',
    },
    { path: '/lib/sys/libb.so', role: 'library', neededBy: '/lib/sys/liba.so' },
  ]);
  t.same(closure.missing, []);
});

t.test('libraries open others too, and those that were opened', async (t) => {
  const closure = resolve({
    '/p': program([], { needed: ['liba.so'] }),
    '/lib/sys/liba.so': opens([{ soname: ['libb.so'] }]),
    '/lib/sys/libb.so': opens([{ soname: ['libd.so'] }, { soname: ['liba.so'] }, { soname: ['libb.so'] }]),
    '/lib/sys/libd.so': lib(),
  });
  t.same(opened(closure), ['/lib/sys/libb.so', '/lib/sys/libd.so']);
});

const wishes = ['required', 'recommended', 'suggested'].map((priority) => ({
  soname: [`lib${priority}.so`],
  priority,
}));

t.test('the lowest priority can be chosen', async (t) => {
  const tree = {
    '/p': program(wishes),
    ...Object.fromEntries(wishes.map(({ soname }) => [`/lib/sys/${soname[0]}`, lib()])),
  };
  const names = (options: ResolverOptions) =>
    opened(resolve(tree, options)).map((path) => path.slice(12, -3));
  t.same(names({}), ['required', 'recommended']);
  t.same(names({ dlopen: 'required' }), ['required']);
  t.same(names({ dlopen: 'suggested' }), ['required', 'recommended', 'suggested']);
  t.same(names({ dlopen: 'none' }), []);
});

t.test('a required library can be missing, and no other', async (t) => {
  const missing = (dlopen: DlopenPriority | 'none') => resolve({ '/p': program(wishes) }, { dlopen }).missing;
  const expected = [
    { path: 'librequired.so', role: 'dlopen', neededBy: '/p', as: 'librequired.so', reason: 'absent' },
  ];
  t.match(missing('suggested'), expected);
  t.equal(missing('suggested').length, 1);
  t.same(missing('none'), []);
});

t.test('the first alternative that can be loaded is taken', async (t) => {
  const wish = { soname: ['lib3.so', 'lib2.so', 'lib1.so'] };
  const tree = {
    '/p': program([wish]),
    '/lib/sys/lib3.so': lib({ needed: ['libgone.so'] }),
    '/lib/sys/lib2.so': lib(),
    '/lib/sys/lib1.so': lib(),
  };
  t.same(opened(resolve(tree)), ['/lib/sys/lib2.so']);
  t.same(resolve(tree).missing, []);
  const loaded = { ...tree, '/p': program([wish], { needed: ['lib1.so', 'lib2.so'] }) };
  t.same(opened(resolve(loaded)), [], 'one that is loaded already will do');
});

t.test('libraries of a library that lacks another do not count as loaded', async (t) => {
  const closure = resolve({
    '/p': program([{ soname: ['liba.so'] }, { soname: ['libb.so'] }]),
    '/lib/sys/liba.so': lib({ needed: ['libb.so', 'libgone.so'] }),
    '/lib/sys/libb.so': lib(),
  });
  t.same(opened(closure), ['/lib/sys/libb.so']);
});

t.test('a required library that lacks another names that', async (t) => {
  const closure = resolve({
    '/p': program([{ soname: ['liba.so'], priority: 'required' }]),
    '/lib/sys/liba.so': lib({ needed: ['libgone.so'] }),
  });
  t.match(closure.missing, [{ path: 'libgone.so', role: 'library', neededBy: '/lib/sys/liba.so' }]);
});

t.test('glibc searches for the file that opens, musl for the program', async (t) => {
  const tree = {
    '/opt/libb.so': lib(),
    '/srv/libb.so': lib(),
    '/lib/sys/liba.so': opens([{ soname: ['libb.so'] }], { runpath: '/opt' }),
    '/usr/lib/liba.so': opens([{ soname: ['libb.so'] }], { runpath: '/opt' }),
  };
  const glibc = program([], { needed: ['liba.so'], runpath: '/srv:/lib/sys' });
  t.same(opened(resolve({ ...tree, '/p': glibc })), ['/opt/libb.so']);
  const interpreter = '/lib/ld-musl-x86_64.so.1';
  const musl = makeElf({ interpreter, needed: ['liba.so'], runpath: '/srv' });
  t.same(opened(resolve({ ...tree, [interpreter]: makeElf(), '/p': musl })), ['/srv/libb.so']);
});

t.test('a library asked for by itself has the usual loader look for what it opens', async (t) => {
  const tree = { '/lib/sys/liba.so': opens([{ soname: ['libb.so'] }]), '/lib/sys/libb.so': lib() };
  t.same(opened(resolve(tree, {}, '/lib/sys/liba.so')), ['/lib/sys/libb.so']);
});

t.test('files that want each other without end are given up in time', async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `lib${i}.so`);
  const needed = [...names.slice(0, 150), 'libgone.so'];
  const image = opens(
    [...names, ...names].map((name) => ({ soname: [name, `${name}.1`] })),
    {
      needed,
      runpath: Array.from({ length: 500 }, (_, i) => `/d${i}`).join(':'),
    },
  );
  const start = performance.now();
  const tree = Object.fromEntries(names.map((name) => [`/lib/sys/${name}`, image]));
  const directories = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`/d${i}/x`, '']));
  resolve({ ...tree, ...directories, '/p': program(names.map((name) => ({ soname: [name] }))) });
  t.ok(performance.now() - start < patientMs(10_000), `${performance.now() - start} ms`);
});
