import t from 'tap';

import { type Closure, openResolver, resolveProgram } from '../../lib/binary/closure.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { type ElfImage, makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const elf = (image: ElfImage = {}) => makeElf({ interpreter: LOADER, ...image });
const lib = (image: ElfImage = {}) => makeElf(image);
// a loader that was built for these directories
const loader = () =>
  Buffer.concat([makeElf({ soname: 'ld-linux-x86-64.so.2' }), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]);
const base: Tree = { [LOADER]: loader(), '/lib/sys/libc.so.6': lib({ needed: ['ld-linux-x86-64.so.2'] }) };

const resolve = (tree: Tree, program = '/bin/p') =>
  resolveProgram(memoryRoot({ ...base, ...tree }), bytePath(program), { hasProc: true });
const paths = ({ files }: Closure) => files.map(({ path }) => path);
const libraries = (closure: Closure) =>
  closure.files.filter(({ role }) => role === 'library').map(({ path, foundBy }) => `${path} ${foundBy}`);

t.test('a program needs its loader and its libraries, each with the reason', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so', 'libc.so.6'] }),
    '/usr/lib/sys/liba.so': lib({ needed: ['libc.so.6'] }),
  });
  t.match(closure.files, [
    { path: '/bin/p', role: 'program' },
    { path: LOADER, role: 'elf-interpreter', neededBy: '/bin/p' },
    { path: '/usr/lib/sys/liba.so', role: 'library', neededBy: '/bin/p', as: 'liba.so', foundBy: 'default' },
    { path: '/lib/sys/libc.so.6', role: 'library', neededBy: '/bin/p', as: 'libc.so.6', foundBy: 'default' },
  ]);
  t.same(closure.missing, []);
  t.match(closure.loader, { kind: 'glibc', systemDirectories: ['/lib/sys', '/usr/lib/sys'] });
});

t.test('a static program needs nothing', async (t) => {
  const closure = resolve({ '/bin/p': makeElf({ type: 2, isStatic: true }) });
  t.same(paths(closure), ['/bin/p']);
  t.equal(closure.loader, undefined);
});

t.test('a script needs its interpreters, and the interpreter of those', async (t) => {
  const closure = resolve({
    '/bin/p': '#! /bin/q -x\n',
    '/bin/q': '#!/bin/sh\n',
    '/bin/sh': elf({ needed: ['libc.so.6'] }),
  });
  t.same(paths(closure), ['/bin/p', '/bin/q', '/bin/sh', LOADER, '/lib/sys/libc.so.6']);
  t.match(closure.files[1], { role: 'script-interpreter', neededBy: '/bin/p', as: ' /bin/q -x' });
});

const scripts = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`/bin/p${i}`, `#!/bin/p${i + 1}\n`]));

t.test('five interpreters in a row are taken, a sixth is not', async (t) => {
  t.same(resolve({ ...scripts(5), '/bin/p5': elf() }, '/bin/p0').missing, []);
  t.match(resolve({ ...scripts(6), '/bin/p6': elf() }, '/bin/p0').missing, [{ reason: 'too-deep' }]);
  t.match(resolve({ '/bin/p': '#!/bin/p\n' }).missing, [{ reason: 'too-deep' }]);
});

t.test('a missing file is named with who needs it', async (t) => {
  t.match(resolve({}).missing, [{ path: '/bin/p', role: 'program', reason: 'absent' }]);
  t.match(resolve({ '/bin/p': '#!/bin/nope\n' }).missing, [
    { path: '/bin/nope', role: 'script-interpreter', neededBy: '/bin/p', reason: 'absent' },
  ]);
  t.match(resolve({ '/bin/p': elf({ interpreter: '/lib/ld-none.so' }) }).missing, [
    { path: '/lib/ld-none.so', role: 'elf-interpreter', neededBy: '/bin/p', reason: 'absent' },
  ]);
  t.match(
    resolve({
      '/bin/p': elf({ needed: ['liba.so'] }),
      '/lib/sys/liba.so': lib({ needed: ['libb.so', 'libb.so'] }),
    }).missing,
    [{ path: 'libb.so', role: 'library', neededBy: '/lib/sys/liba.so', reason: 'absent' }],
  );
});

t.test('a file that cannot be run says why', async (t) => {
  t.match(resolve({ '/bin/p': 'echo\n' }).missing, [{ reason: 'no-interpreter', message: /neither/ }]);
  t.match(resolve({ '/bin/p': '' }).missing, [{ reason: 'no-interpreter' }]);
  t.match(resolve({ '/bin/p': '#!\n' }).missing, [{ reason: 'no-interpreter', message: /names no/ }]);
  t.match(resolve({ '/bin/p': '\x7fELF' }).missing, [{ reason: 'truncated' }]);
  t.match(resolve({ '/bin/p/q': '' }).missing, [{ reason: 'not-a-file' }]);
});

t.test('a file that ends within what is loaded of it is truncated, whatever its headers say', async (t) => {
  const whole = makeElf({ type: 2, isStatic: true });
  const { missing } = resolve({ '/bin/p': whole.subarray(0, whole.length - 1) }, '/bin/p');
  t.match(missing, [{ path: '/bin/p', reason: 'truncated', message: /^it ends after \d+ of \d+ bytes$/ }]);
  t.same(resolve({ '/bin/p': Buffer.concat([whole, Buffer.from('more')]) }, '/bin/p').missing, []);
});

t.test('a library found once is not searched again under the same name or DT_SONAME', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so', 'libb.so', 'liba.so.1'], runpath: '/opt' }),
    '/opt/liba.so': lib({ soname: 'liba.so.1' }),
    '/opt/libb.so': lib({ needed: ['liba.so'], runpath: '/other' }),
    '/other/liba.so': lib(),
    '/opt/liba.so.1': lib(),
  });
  t.same(libraries(closure), ['/opt/liba.so runpath', '/opt/libb.so runpath']);
});

t.test('two names of one file are one library', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so', 'libalias.so'] }),
    '/lib/sys/liba.so': lib(),
    '/lib/sys/libalias.so': { link: 'liba.so' },
  });
  t.same(libraries(closure), ['/lib/sys/liba.so default']);
});

t.test('a name that one library cannot find another may', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['libb.so', 'liba.so'] }),
    '/lib/sys/liba.so': lib({ needed: ['libb.so'], runpath: '/opt' }),
    '/opt/libb.so': lib(),
  });
  t.match(closure.missing, [{ path: 'libb.so', neededBy: '/bin/p' }]);
  t.same(libraries(closure), ['/lib/sys/liba.so default', '/opt/libb.so runpath']);
});

t.test('an optional library that is not there is not missing', async (t) => {
  const closure = resolve({ '/bin/p': elf({ needed: ['libc.so.6'], auxiliary: ['libmaybe.so'] }) });
  t.same(closure.missing, []);
});

t.test('a library asked for by itself is resolved by the usual loader', async (t) => {
  const closure = resolve({ '/lib/sys/liba.so': lib({ needed: ['libc.so.6'] }) }, '/lib/sys/liba.so');
  t.same(paths(closure), ['/lib/sys/liba.so', LOADER, '/lib/sys/libc.so.6']);
});

t.test('libraries that need each other end', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'] }),
    '/lib/sys/liba.so': lib({ needed: ['libb.so'] }),
    '/lib/sys/libb.so': lib({ needed: ['liba.so', 'libb.so'] }),
  });
  t.same(libraries(closure), ['/lib/sys/liba.so default', '/lib/sys/libb.so default']);
});

t.test('a resolver reads each file once, whatever asks for it', async (t) => {
  const opened: string[] = [];
  const tree = {
    ...base,
    '/bin/p': elf({ needed: ['libc.so.6'] }),
    '/bin/q': elf({ needed: ['libc.so.6'] }),
  };
  const resolver = openResolver(memoryRoot(tree, (path) => opened.push(path)));
  for (const program of ['/bin/p', '/bin/q', '/bin/p']) resolver.resolve(bytePath(program));
  t.equal(opened.filter((path) => path === '/lib/sys/libc.so.6').length, 1);
  t.equal(opened.filter((path) => path === '/bin/p').length, 1);
});

t.test('paths that are no UTF-8 are followed byte for byte', async (t) => {
  const root = memoryRoot({ ...base });
  const program = bytePath(Buffer.from([0x2f, 0xff, 0xfe]));
  const file = {
    ...root,
    open: (path: typeof program) => (path === program ? root.open(bytePath(LOADER)) : undefined),
  };
  t.equal(resolveProgram(file, program).files[0]?.path, program);
});
