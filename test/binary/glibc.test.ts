// How glibc's loader searches. That the rules are the loader's own is seen in host.test.ts.

import t from 'tap';

import { writeCache } from '../../lib/binary/cache.ts';
import { type Closure, resolveProgram } from '../../lib/binary/closure.ts';
import { openFiles } from '../../lib/binary/elf-files.ts';
import { openGlibc } from '../../lib/binary/glibc.ts';
import { searchedDirectory } from '../../lib/binary/loader.ts';
import { type Abi, BASELINE, type Cpu } from '../../lib/binary/machine.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { cacheWithHwcap } from '../support/binary/hwcap.ts';
import { type ElfImage, makeElf, memoryRoot, type Tree } from '../support/binary/image.ts';
import { patientMs } from '../support/patience.ts';

const LOADER = '/lib64/ld-linux-x86-64.so.2';
const elf = (image: ElfImage = {}) => makeElf({ interpreter: LOADER, ...image });
const lib = (image: ElfImage = {}) => makeElf(image);
// a loader that was built for these directories
const loader = () =>
  Buffer.concat([makeElf({ soname: 'ld-linux-x86-64.so.2' }), Buffer.from('\0/lib/sys/\0/usr/lib/sys/\0\0')]);
const base: Tree = { [LOADER]: loader(), '/lib/sys/libc.so.6': lib({ needed: ['ld-linux-x86-64.so.2'] }) };

const resolve = (tree: Tree, program = '/bin/p', cpu: Cpu = BASELINE) =>
  resolveProgram(memoryRoot({ ...base, ...tree }), bytePath(program), { cpu, hasProc: true });
const libraries = (closure: Closure) =>
  closure.files.filter(({ role }) => role === 'library').map(({ path, foundBy }) => `${path} ${foundBy}`);

const withPath = (image: ElfImage) => ({
  '/bin/p': elf({ needed: ['liba.so'], ...image }),
  '/opt/liba.so': lib({ needed: ['libb.so'] }),
  '/opt/libb.so': lib(),
});

t.test('RPATH counts for what a library needs too, RUNPATH does not', async (t) => {
  t.same(libraries(resolve(withPath({ rpath: '/opt' }))), ['/opt/liba.so rpath', '/opt/libb.so rpath']);
  const closure = resolve(withPath({ runpath: '/opt' }));
  t.same(libraries(closure), ['/opt/liba.so runpath']);
  t.match(closure.missing, [{ path: 'libb.so', neededBy: '/opt/liba.so' }]);
});

t.test('a RUNPATH makes its own RPATH and those above it void', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], rpath: '/opt' }),
    '/opt/liba.so': lib({ needed: ['libb.so'], rpath: '/b', runpath: '/c' }),
    '/opt/libb.so': lib(),
    '/b/libb.so': lib(),
  });
  t.match(closure.missing, [{ path: 'libb.so' }]);
});

t.test('a RUNPATH makes its own RPATH void for the libraries of a library too', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], rpath: '/b', runpath: '/c' }),
    '/c/liba.so': lib({ needed: ['libb.so'] }),
    '/b/libb.so': lib(),
    '/c/libb.so': lib(),
  });
  t.match(closure.missing, [{ path: 'libb.so', neededBy: '/c/liba.so' }]);
});

const X86_64: Abi = { machine: 62, bits: 64, endian: 'little' };

/** The loader whose file has this content, or has none. */
function open(content: Buffer | undefined, { abi = X86_64, tree = {} }: { abi?: Abi; tree?: Tree } = {}) {
  const files = openFiles(memoryRoot(content === undefined ? tree : { [LOADER]: content, ...tree }));
  return openGlibc(files, bytePath(LOADER), abi, BASELINE);
}
const withStrings = (...strings: readonly string[]) =>
  Buffer.concat([makeElf(), Buffer.from(['', ...strings, ''].join('\0'))]);

t.test('without the file of the loader the usual directories are searched', async (t) => {
  t.same(open(undefined).systemDirectories, [
    '/lib/x86_64-linux-gnu',
    '/usr/lib/x86_64-linux-gnu',
    '/lib64',
    '/usr/lib64',
    '/lib',
    '/usr/lib',
  ]);
  t.same(open(undefined, { abi: { ...X86_64, machine: 3, bits: 32 } }).systemDirectories, [
    '/lib/i386-linux-gnu',
    '/usr/lib/i386-linux-gnu',
    '/lib',
    '/usr/lib',
  ]);
  t.same(open(undefined, { abi: { ...X86_64, machine: 9999, bits: 32 } }).systemDirectories, [
    '/lib',
    '/usr/lib',
  ]);
});

t.test(
  'the longest run of directories in the file of the loader is searched, of equals the first',
  async (t) => {
    const directories = (...strings: readonly string[]) => open(withStrings(...strings)).systemDirectories;
    t.same(directories('/lib/only/'), ['/lib/only']);
    t.same(directories('/lib/a/', 'text', '/lib/b/', '/lib/c/'), ['/lib/b', '/lib/c']);
    t.same(directories('/lib/a/', 'text', '/lib/b/'), ['/lib/a']);
    t.same(directories('/etc/', '/usr/share/', 'x/lib/', '/lib/a/'), ['/lib/a'], 'not these');
    const longest = `/lib/${'x'.repeat(250)}/`;
    t.same(directories(longest), [longest.slice(0, -1)]);
    t.same(directories(`/lib/${'x'.repeat(251)}/`), open(undefined).systemDirectories, 'too long');
  },
);

t.test('the file of the loader names the cache', async (t) => {
  const cacheOf = (name: string, path = name) => {
    const cache = writeCache([], 'little');
    return open(withStrings('text', name), { tree: { [path]: cache } }).configuration;
  };
  t.same(cacheOf('/opt/etc/ld.so.cache'), ['/opt/etc/ld.so.cache']);
  t.same(cacheOf('opt/etc/ld.so.cache', '/etc/ld.so.cache'), ['/etc/ld.so.cache'], 'only absolutely');
  const longest = `/${'x'.repeat(255 - '//ld.so.cache'.length)}/ld.so.cache`;
  t.same(cacheOf(longest), [longest]);
  t.same(cacheOf(`/x${longest.slice(1)}`, '/etc/ld.so.cache'), ['/etc/ld.so.cache'], 'too long');
  t.same(open(withStrings('text')).configuration, [], 'it is not there');
});

t.test('$LIB is the first directory of the loader without its prefix', async (t) => {
  const tree = {
    [LOADER]: withStrings('/usr/lib/first/', '/lib/second/'),
    '/bin/p': elf({ needed: ['liba.so'], runpath: '/opt/$LIB' }),
    '/opt/lib/first/liba.so': lib(),
    '/opt/lib/second/liba.so': lib(),
  };
  t.same(libraries(resolve(tree)), ['/opt/lib/first/liba.so runpath']);
});

t.test('a name with $ORIGIN needs /proc only in the program itself', async (t) => {
  const { files } = resolve(
    {
      '/opt/bin/p': elf({ needed: ['$ORIGIN/liba.so', '/opt/libc.so'] }),
      '/opt/bin/liba.so': lib({ needed: ['$ORIGIN/libb.so'] }),
      '/opt/bin/libb.so': lib(),
      '/opt/libc.so': lib(),
    },
    '/opt/bin/p',
  );
  const needing = files.filter(({ needsProc }) => needsProc).map(({ path }) => path);
  t.same(needing, ['/opt/bin/liba.so']);
});

t.test('$ORIGIN is where the file is, for the program with links resolved', async (t) => {
  const closure = resolve({
    '/bin/p': { link: '../opt/app/bin/p' },
    '/opt/app/bin/p': elf({ needed: ['liba.so'], runpath: '$ORIGIN/../lib' }),
    '/opt/app/lib/liba.so': lib({ needed: ['libb.so', '$ORIGIN/sub/libc.so'], runpath: '${ORIGIN}/sub' }),
    '/opt/app/lib/sub/libb.so': lib(),
    '/opt/app/lib/sub/libc.so': lib(),
  });
  t.same(libraries(closure), [
    '/opt/app/bin/../lib/liba.so runpath',
    '/opt/app/bin/../lib/sub/libb.so runpath',
    '/opt/app/bin/../lib/sub/libc.so path',
  ]);
});

t.test('without /proc a program has no $ORIGIN, but its libraries have', async (t) => {
  const tree = {
    ...base,
    '/opt/bin/p': elf({ needed: ['liba.so'], runpath: '$ORIGIN/../lib:/opt/fixed' }),
    '/opt/lib/liba.so': lib(),
    '/opt/bin/q': elf({ needed: ['libb.so'], runpath: '/opt/fixed' }),
    '/opt/fixed/libb.so': lib({ needed: ['libc.so'], runpath: '$ORIGIN/sub' }),
    '/opt/fixed/sub/libc.so': lib(),
  };
  const p = bytePath('/opt/bin/p');
  t.match(resolveProgram(memoryRoot(tree), p).missing, [
    { path: 'liba.so', message: /\/proc is not mounted/ },
  ]);
  const mounted = resolveProgram(memoryRoot({ ...tree, '/proc/self/exe': '' }), p);
  t.match(mounted.files.at(-1), { path: '/opt/bin/../lib/liba.so', needsProc: true });
  const q = resolveProgram(memoryRoot(tree), bytePath('/opt/bin/q'));
  t.same(q.missing, []);
  t.notOk(q.files.some(({ needsProc }) => needsProc));
});

t.test('an element with a token of unknown value is not searched without the token either', async (t) => {
  const tree = {
    ...base,
    '/bin/p': elf({ needed: ['liba.so', 'libb.so'], runpath: '$ORIGIN/lost:/opt/$PLATFORM' }),
    '/lost/liba.so': lib(),
    '/opt/libb.so': lib(),
  };
  const { missing } = resolveProgram(memoryRoot(tree), bytePath('/bin/p'), { cpu: BASELINE, hasProc: false });
  t.match(missing, [{ path: 'liba.so' }, { path: 'libb.so' }]);
});

t.test('$LIB and $PLATFORM stand for what the loader was built for and runs on', async (t) => {
  const closure = resolve(
    {
      '/bin/p': elf({ needed: ['liba.so', 'libb.so'], runpath: '/opt/$LIB:/opt/${PLATFORM}:/opt/$LIBS' }),
      '/opt/lib/sys/liba.so': lib(),
      '/opt/haswell/libb.so': lib(),
    },
    '/bin/p',
    { hwcaps: [], platform: 'haswell' },
  );
  t.same(closure.missing, []);
});

t.test('empty and relative elements of a search path find nothing', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], runpath: ':opt:.' }),
    '/opt/liba.so': lib(),
    '/liba.so': lib(),
  });
  t.match(closure.missing, [{ path: 'liba.so' }]);
});

t.test('a file of another architecture is passed over, and named if nothing else comes', async (t) => {
  const i386 = makeElf({ bits: 32, machine: 3 });
  const program = elf({ needed: ['liba.so'], runpath: '/opt32:/opt' });
  t.same(libraries(resolve({ '/bin/p': program, '/opt32/liba.so': i386, '/opt/liba.so': lib() })), [
    '/opt/liba.so runpath',
  ]);
  t.match(resolve({ '/bin/p': program, '/opt32/liba.so': i386 }).missing, [
    { reason: 'other-architecture', message: '/opt32/liba.so is for i386, not for x86-64' },
  ]);
});

t.test('a file that is no library ends the search, as the loader would end', async (t) => {
  const closure = resolve({
    '/bin/p': elf({ needed: ['liba.so'], runpath: '/opt:/opt2' }),
    '/opt/liba.so': '/* GNU ld script */ INPUT(-lb)',
    '/opt2/liba.so': lib(),
  });
  t.match(closure.missing, [{ path: 'liba.so', reason: 'not-elf', message: /^\/opt\/liba\.so: / }]);
});

t.test('the cache comes before the default directories', async (t) => {
  const cache = writeCache(
    [{ name: bytePath('liba.so'), path: bytePath('/usr/local/lib/liba.so'), flags: 0x303 }],
    'little',
  );
  const tree = {
    '/etc/ld.so.cache': cache,
    '/usr/local/lib/liba.so': lib(),
    '/lib/sys/liba.so': lib(),
    '/bin/p': elf({ needed: ['liba.so'] }),
    '/bin/nodeflib': elf({ needed: ['liba.so'], flags1: 0x800 }),
  };
  t.same(libraries(resolve(tree)), ['/usr/local/lib/liba.so cache']);
  t.same(libraries(resolve(tree, '/bin/nodeflib')), ['/usr/local/lib/liba.so cache']);
});

t.test('a program without default libraries takes none from them, by the cache neither', async (t) => {
  const cache = writeCache(
    [{ name: bytePath('liba.so'), path: bytePath('/lib/sys/liba.so'), flags: 0x303 }],
    'little',
  );
  const closure = resolve({
    '/etc/ld.so.cache': cache,
    '/lib/sys/liba.so': lib(),
    '/bin/p': elf({ needed: ['liba.so'], flags1: 0x800 }),
  });
  t.match(closure.missing, [{ path: 'liba.so' }]);
});

t.test('an entry of the cache that leads nowhere, or is for another ABI, is passed over', async (t) => {
  const cache = writeCache(
    [
      { name: bytePath('liba.so'), path: bytePath('/gone/liba.so'), flags: 0x303 },
      { name: bytePath('libb.so'), path: bytePath('/lib32/libb.so'), flags: 3 },
    ],
    'little',
  );
  const closure = resolve({
    '/etc/ld.so.cache': cache,
    '/lib/sys/liba.so': lib(),
    '/lib/sys/libb.so': lib(),
    '/lib32/libb.so': lib(),
    '/bin/p': elf({ needed: ['liba.so', 'libb.so'] }),
  });
  t.same(libraries(closure), ['/lib/sys/liba.so default', '/lib/sys/libb.so default']);
});

t.test('without a cache the directories of ld.so.conf are searched last', async (t) => {
  const closure = resolve({
    '/etc/ld.so.conf': '/usr/local/lib\n',
    '/usr/local/lib/liba.so': lib(),
    '/usr/local/lib/libb.so': lib(),
    '/lib/sys/libb.so': lib(),
    '/bin/p': elf({ needed: ['liba.so', 'libb.so'] }),
  });
  t.same(libraries(closure), ['/usr/local/lib/liba.so conf', '/lib/sys/libb.so default']);
});

t.test('a build for this processor is preferred, best first', async (t) => {
  const tree = {
    '/bin/p': elf({ needed: ['liba.so'] }),
    '/lib/sys/glibc-hwcaps/x86-64-v3/liba.so': lib(),
    '/lib/sys/glibc-hwcaps/x86-64-v2/liba.so': lib(),
    '/lib/sys/liba.so': lib(),
  };
  t.same(libraries(resolve(tree, '/bin/p', { hwcaps: ['x86-64-v3', 'x86-64-v2'] })), [
    '/lib/sys/glibc-hwcaps/x86-64-v3/liba.so default',
  ]);
  t.same(libraries(resolve(tree, '/bin/p', { hwcaps: ['x86-64-v2'] })), [
    '/lib/sys/glibc-hwcaps/x86-64-v2/liba.so default',
  ]);
  t.same(libraries(resolve(tree)), ['/lib/sys/liba.so default']);
});

t.test(
  'a library that exists for newer processors only is there for these, and missing for others',
  async (t) => {
    const tree = {
      '/bin/p': elf({ needed: ['liba.so'] }),
      '/lib/sys/glibc-hwcaps/x86-64-v3/liba.so': lib(),
    };
    t.same(resolve(tree, '/bin/p', { hwcaps: ['x86-64-v3', 'x86-64-v2'] }).missing, []);
    for (const cpu of [{ hwcaps: ['x86-64-v2'] }, BASELINE])
      t.match(resolve(tree, '/bin/p', cpu).missing, [
        { path: 'liba.so', reason: 'absent', neededBy: '/bin/p' },
      ]);
  },
);

t.test(
  'a library that only the cache leads to has an entry for each processor, or is missing for the others',
  async (t) => {
    const entry = (path: string) => ({ name: bytePath('liba.so'), path: bytePath(path), flags: 0x303 });
    const newer = entry('/opt/glibc-hwcaps/x86-64-v3/liba.so');
    const tree = (cache: Buffer): Tree => ({
      '/etc/ld.so.cache': cache,
      '/opt/glibc-hwcaps/x86-64-v3/liba.so': lib(),
      '/opt/liba.so': lib(),
      '/bin/p': elf({ needed: ['liba.so'] }),
    });
    const both = tree(cacheWithHwcap(newer, entry('/opt/liba.so')));
    t.same(libraries(resolve(both, '/bin/p', { hwcaps: ['x86-64-v3'] })), [`${newer.path} cache`]);
    t.same(libraries(resolve(both)), ['/opt/liba.so cache']);
    const one = tree(cacheWithHwcap(newer));
    t.same(libraries(resolve(one, '/bin/p', { hwcaps: ['x86-64-v3'] })), [`${newer.path} cache`]);
    t.match(resolve(one).missing, [{ path: 'liba.so', reason: 'absent' }]);
  },
);

t.test(
  'a build for newer processors is found by the directory above it, the root directory too',
  async (t) => {
    const directories = ['/glibc-hwcaps/v3/a.so', '/usr/lib/glibc-hwcaps/v3/a.so', '/l/a.so'].map((path) =>
      searchedDirectory(bytePath(path)),
    );
    t.same(directories, ['/', '/usr/lib', '/l']);
  },
);

t.test('the twin for every processor may lie in another directory of the search path', async (t) => {
  const tree = {
    '/bin/p': elf({ needed: ['liba.so'], runpath: '/a:/b' }),
    '/a/glibc-hwcaps/x86-64-v3/liba.so': lib(),
    '/b/liba.so': lib(),
  };
  t.same(libraries(resolve(tree, '/bin/p', { hwcaps: ['x86-64-v3'] })), [
    '/a/glibc-hwcaps/x86-64-v3/liba.so runpath',
  ]);
  t.same(libraries(resolve(tree)), ['/b/liba.so runpath']);
});

t.test('a library that the kernel maps is not searched', async (t) => {
  t.same(resolve({ '/bin/p': elf({ needed: ['linux-vdso.so.1'] }) }).missing, []);
});

t.test('a hostile search path is given up in time', async (t) => {
  const directories = Array.from({ length: 900 }, (_, i) => `/d${i}`);
  const tree = {
    '/bin/p': elf({
      needed: Array.from({ length: 1000 }, (_, i) => `lib${i}.so`),
      runpath: directories.join(':'),
    }),
    ...Object.fromEntries(directories.map((directory) => [`${directory}/x`, ''])),
  };
  const start = performance.now();
  t.equal(resolve(tree).missing.length, 1000);
  t.ok(performance.now() - start < patientMs(10_000));
});
