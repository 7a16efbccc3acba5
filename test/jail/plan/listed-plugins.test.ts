import t from 'tap';

import type { Tree } from '../../support/binary/image.ts';
import { makeProgram, pathsIn, planOf } from '../../support/jail/jail.ts';

const LISTS = ['dladdr', 'dlopen', 'readdir'];

const plugin = (needed: string) => makeProgram({ needed: [needed] });

const tree = (imports: readonly string[]): Tree => ({
  '/bin/kdc': makeProgram({ needed: ['libverto.so.1'] }),
  '/lib/sys/libverto.so.1': { link: 'libverto.so.1.0.0' },
  '/lib/sys/libverto.so.1.0.0': makeProgram({ imports }),
  '/lib/sys/libverto-libev.so.1': { link: 'libverto-libev.so.1.0.0' },
  '/lib/sys/libverto-libev.so.1.0.0': makeProgram({ needed: ['libverto.so.1', 'libev.so.4'] }),
  '/lib/sys/libev.so.4': makeProgram(),
  '/lib/sys/libverto-other.so.1': plugin('libc.so.6'),
  '/lib/sys/libverto2.so.1': plugin('libverto.so.1'),
  '/lib/sys/libverto-text.so.1': 'no library',
});

function pluginsFor(imports: readonly string[]): readonly string[] {
  const paths = pathsIn(planOf(tree(imports), ['/bin/kdc']));
  return Object.keys(tree(imports)).filter((path) => !/kdc|libverto\.so/.test(path) && paths.has(path));
}

t.test('a library that lists its own directory brings the plugins that it opens there', async (t) => {
  t.same(pluginsFor(LISTS), [
    '/lib/sys/libverto-libev.so.1',
    '/lib/sys/libverto-libev.so.1.0.0',
    '/lib/sys/libev.so.4',
  ]);
});

t.test('a library that cannot find its directory, or opens nothing in it, brings none', async (t) => {
  for (const lost of LISTS) t.same(pluginsFor(LISTS.filter((name) => name !== lost)), [], lost);
});
