import t from 'tap';

import { readLdSoConf, readMuslPath, readSmallFile } from '../../lib/binary/loader-conf.ts';
import { bytePath } from '../../lib/tree/path.ts';
import type { FileRoot } from '../../lib/tree/root.ts';
import { memoryRoot } from '../support/binary/image.ts';
import { patientMs } from '../support/patience.ts';

t.test('ld.so.conf is read with its includes, in order and each directory once', async (t) => {
  const root = memoryRoot({
    '/etc/ld.so.conf':
      '# ours\n/first/ # trailing\ninclude /etc/ld.so.conf.d/*.conf ld.so.more\n/first\n/last=libc6\nhwcap 0 x\n',
    '/etc/ld.so.conf.d/b.conf': '/b',
    '/etc/ld.so.conf.d/a.conf': '/a\n\n',
    '/etc/ld.so.conf.d/.hidden.conf': '/hidden\n',
    '/etc/ld.so.conf.d/c.conf.old': '/old\n',
    '/etc/ld.so.more': '/more\n',
  });
  t.same(readLdSoConf(root).directories, ['/first', '/a', '/b', '/more', '/last']);
});

t.test('includes in a circle end', async (t) => {
  const root = memoryRoot({ '/etc/ld.so.conf': '/x\ninclude ld.so.conf\ninclude *\n' });
  t.same(readLdSoConf(root).directories, ['/x']);
});

t.test('a pattern made to be slow is not', async (t) => {
  const root = memoryRoot({
    '/etc/ld.so.conf': `include ${'a*'.repeat(100)}b\n`,
    [`/etc/${'a'.repeat(250)}`]: '/x',
  });
  const start = performance.now();
  t.same(readLdSoConf(root).directories, []);
  t.ok(performance.now() - start < patientMs(5000));
});

t.test('a file that is missing, too large or no file is as good as none', async (t) => {
  const root = memoryRoot({ '/d/f': 'x'.repeat(100) });
  t.equal(readSmallFile(root, bytePath('/d/f'), 99), undefined);
  t.equal(readSmallFile(root, bytePath('/d/f'), 100)?.length, 100);
  t.equal(readSmallFile(root, bytePath('/d')), undefined);
  t.equal(readSmallFile(root, bytePath('/e')), undefined);
});

t.test("musl's path file has colons or newlines, and a default", async (t) => {
  const file = bytePath('/etc/ld-musl-x86_64.path');
  t.same(readMuslPath(memoryRoot({ [file]: '/a:/b\n/c\n' }), file), ['/a', '/b', '/c']);
  t.same(readMuslPath(memoryRoot({}), file), ['/lib', '/usr/local/lib', '/usr/lib']);
});

t.test('a small file is read whole, whatever it says of its size, and a larger one not at all', async (t) => {
  const root = memoryRoot({ '/f': 'x'.repeat(10_000) });
  const empty: FileRoot = {
    ...root,
    open: (path) => {
      const file = root.open(path);
      return file && { ...file, status: { ...file.status, sizeBytes: 0 } };
    },
  };
  for (const each of [root, empty]) {
    for (const maxBytes of [10_000, 10_001, 1 << 20])
      t.equal(readSmallFile(each, bytePath('/f'), maxBytes)?.length, 10_000);
    for (const maxBytes of [0, 100, 4096, 9999])
      t.equal(readSmallFile(each, bytePath('/f'), maxBytes), undefined);
  }
  t.equal(readSmallFile(root, bytePath('/nope')), undefined);
});
