import t from 'tap';

import { type Closure, resolveProgram } from '../../lib/binary/closure.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { type ElfImage, makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';

const LOADER = '/lib/ld-musl-x86_64.so.1';
const elf = (image: ElfImage = {}) => makeElf({ interpreter: LOADER, ...image });
const resolve = (tree: Tree) =>
  resolveProgram(memoryRoot({ [LOADER]: makeElf(), ...tree }), bytePath('/bin/p'), { hasProc: true });
const libraries = (closure: Closure) =>
  closure.files.filter(({ role }) => role === 'library').map(({ path, foundBy }) => `${path} ${foundBy}`);

t.test('the names of the C library stand for the loader', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['libc.musl-x86_64.so.1', 'libpthread.so.0', 'libc.so'] }),
  });
  t.same(closure.missing, []);
  t.same(libraries(closure), []);
  t.match(closure.loader, { kind: 'musl', configuration: [] });
});

t.test('libraries lie in three directories unless the path file says otherwise', async (t) => {
  const tree = {
    '/bin/p': elf({ needed: ['liba.so'] }),
    '/usr/local/lib/liba.so': makeElf(),
    '/opt/liba.so': makeElf(),
  };
  t.same(libraries(resolve(tree)), ['/usr/local/lib/liba.so default']);
  const closure = resolve({ ...tree, '/etc/ld-musl-x86_64.path': '/opt\n' });
  t.same(libraries(closure), ['/opt/liba.so default']);
  t.match(closure.loader, { configuration: ['/etc/ld-musl-x86_64.path'] });
});

t.test('RUNPATH counts for what a library needs too, unlike in glibc', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], runpath: '$ORIGIN/../opt' }),
    '/opt/liba.so': makeElf({ needed: ['libb.so'] }),
    '/opt/libb.so': makeElf(),
  });
  t.same(libraries(closure), ['/bin/../opt/liba.so runpath', '/bin/../opt/libb.so runpath']);
});

t.test('a search path with another token than $ORIGIN is void', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], rpath: '/opt:/$LIB' }),
    '/opt/liba.so': makeElf(),
  });
  t.match(closure.missing, [{ path: 'liba.so', reason: 'absent' }]);
});

t.test('the first file of the name is taken, whatever it is', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'] }),
    '/lib/liba.so': makeElf({ bits: 32, machine: 3 }),
    '/usr/lib/liba.so': makeElf(),
  });
  t.match(closure.missing, [{ path: 'liba.so', reason: 'other-architecture' }]);
});
