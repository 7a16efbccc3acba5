import t from 'tap';

import { expandPattern } from '../../lib/binary/loader-conf.ts';
import { bytePath } from '../../lib/tree/path.ts';
import { memoryRoot } from '../support/binary/image.ts';

const root = memoryRoot({
  '/etc/a/x.conf': '',
  '/etc/b/x.conf': '',
  '/etc/b/y.conf': '',
  '/etc/b/.z.conf': '',
  '/etc/b/]': '',
  '/etc/b/-': '',
});

function expanded(pattern: string, most = 100): readonly string[] {
  return expandPattern(root, bytePath(pattern), most);
}

t.test('wildcards stand in every component', async (t) => {
  t.same(expanded('/etc/*/x.conf'), ['/etc/a/x.conf', '/etc/b/x.conf']);
  t.same(expanded('/*/?/[xy].conf'), ['/etc/a/x.conf', '/etc/b/x.conf', '/etc/b/y.conf']);
  t.same(expanded('/etc/b/*.conf'), ['/etc/b/x.conf', '/etc/b/y.conf'], 'a dot in front is not matched');
  t.same(expanded('/etc/b/.*'), ['/etc/b/.z.conf']);
  t.same(expanded('/etc/no/*'), []);
});

t.test('a set has ranges, a bracket in front, and may be turned round', async (t) => {
  t.same(expanded('/etc/b/[a-x].conf'), ['/etc/b/x.conf']);
  t.same(expanded('/etc/b/[!x].conf'), ['/etc/b/y.conf']);
  t.same(expanded('/etc/b/[]]'), ['/etc/b/]']);
  t.same(expanded('/etc/b/[x-]'), ['/etc/b/-']);
  t.same(expanded('/etc/b/[x'), [], 'one without an end is a bracket');
});

t.test(
  'a path without a wildcard stands for itself, and of many there are no more than asked for',
  async (t) => {
    t.same(expanded('/no/such'), ['/no/such']);
    t.equal(expanded('/etc/b/*', 1).length, 1);
  },
);
