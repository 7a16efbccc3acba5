import t from 'tap';

import { absolutePath } from '../../../lib/launch/host/hostpath.ts';

t.test('a path of the host becomes absolute and plain', async (t) => {
  t.equal(absolutePath('/srv//a/./b/'), '/srv/a/b');
  t.equal(absolutePath('a/..b'), `${process.cwd()}/a/..b`);
});

t.test('a `..` is left to the kernel, since a link may be before it', async (t) => {
  t.equal(absolutePath('/srv/link/../b'), '/srv/link/../b');
  t.equal(absolutePath('link/../b'), `${process.cwd()}/link/../b`);
});
