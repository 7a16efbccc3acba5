import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { expandPath } from '../../../lib/jail/packs/pack-host.ts';
import { memoryRoot } from '../../support/binary/image.ts';

const root = memoryRoot({
  '/usr/lib/one/libnss_files.so.2': '',
  '/usr/lib/one/libnss_dns.so.2': '',
  '/usr/lib/one/libnss_dns.so.2.bak': '',
  '/usr/lib/two/libnss_dns.so.2': '',
  '/etc/a': '',
  '/etc/ab': '',
  '/etc/.a': '',
  '/etc/a+b': '',
  '/etc/aab': '',
  '/etc/a\nb': '',
  '/etc/link': { link: '/usr/lib' },
  '/etc/dangling': { link: '/none' },
});
const libraries = ['/usr/lib/one', '/usr/lib/two', '/usr/lib/three'].map((path) => bytePath(path));
const expand = (pattern: string): readonly BytePath[] => expandPath(root, pattern, libraries);

t.test('a path without a star stands for itself, if something is there', async (t) => {
  t.same(expand('/etc/a'), ['/etc/a']);
  t.same(expand('/etc/none'), []);
  t.same(expand('/etc/a/b'), []);
  t.same(expand('/etc/dangling'), []);
});

t.test('a star stands for any characters of one component, but for a dot that comes first', async (t) => {
  t.same(expand('/etc/a*'), ['/etc/a', '/etc/a\nb', '/etc/a+b', '/etc/aab', '/etc/ab']);
  t.same(expand('/etc/*b'), ['/etc/a\nb', '/etc/a+b', '/etc/aab', '/etc/ab']);
  t.same(expand('/etc/.*'), ['/etc/.a']);
  t.same(expand('/*/a'), ['/etc/a']);
  t.same(expand('/usr/*'), ['/usr/lib']);
  t.same(expand('/none/*'), []);
  t.same(expand('/etc/a/*'), []);
});

t.test('other characters stand for themselves', async (t) => {
  t.same(expand('/etc/a+*'), ['/etc/a+b']);
  t.same(expand('/usr/lib/one/libnss_*.so.2'), [
    '/usr/lib/one/libnss_dns.so.2',
    '/usr/lib/one/libnss_files.so.2',
  ]);
  t.same(expand('/etc/[a]*'), []);
});

t.test('links are followed where they lead to a directory', async (t) => {
  t.same(expand('/etc/l*/two/*'), ['/etc/link/two/libnss_dns.so.2']);
});

t.test('$LIB stands for each directory of a C library', async (t) => {
  t.same(expand('$LIB/libnss_dns.so.*'), [
    '/usr/lib/one/libnss_dns.so.2',
    '/usr/lib/one/libnss_dns.so.2.bak',
    '/usr/lib/two/libnss_dns.so.2',
  ]);
  t.same(expandPath(root, '$LIB/libnss_dns.so.2', []), []);
});

t.test('a loop of links and a name that is too long are nothing', async (t) => {
  const odd = memoryRoot({ '/a/loop': { link: 'loop' }, '/a/b/x': '' });
  t.same(expandPath(odd, '/a/*/x', []), ['/a/b/x']);
  t.same(expandPath(odd, `/a/${'x'.repeat(256)}`, []), []);
});
