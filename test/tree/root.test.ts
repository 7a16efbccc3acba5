import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { bytePath } from '../../lib/tree/path.ts';
import { openFileRoot } from '../../lib/tree/root.ts';
import { inChild } from '../support/child.ts';
import { start } from '../support/launch.ts';

function makeTree(t: Test): string {
  const directory = t.testdir({ d: { f: 'hello' } });
  symlinkSync('/d/f', `${directory}/absolute`);
  symlinkSync('../../../../../../../../etc/passwd', `${directory}/escape`);
  symlinkSync('/proc/self/root/etc/passwd', `${directory}/magic`);
  symlinkSync('loop', `${directory}/loop`);
  return directory;
}

const at = (text: string) => bytePath(text);

t.test('a status tells kind, size, mode and where a link leads', async (t) => {
  const directory = makeTree(t);
  chmodSync(`${directory}/d/f`, 0o4750);
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  t.match(root.lstat(at('/d/f')), { kind: 'file', sizeBytes: 5, mode: 0o4750, noexec: false });
  t.match(root.lstat(at('/d')), { kind: 'directory' });
  t.match(root.lstat(at('/absolute')), { kind: 'symlink', target: '/d/f' });
  t.match(root.lstat(at('/')), { kind: 'directory' });
});

t.test('links and .. stay in the root', async (t) => {
  const root = openFileRoot(makeTree(t));
  t.teardown(() => root.close());
  const file = root.open(at('/absolute'));
  t.equal(Buffer.from(file?.read(0, 100) ?? []).toString(), 'hello');
  file?.close();
  t.equal(root.open(at('/escape')), undefined);
  t.equal(root.open(at('/../../etc/passwd')), undefined);
  t.equal(root.lstat(at('/..'))?.ino, root.lstat(at('/'))?.ino);
});

t.test('a path that is not there is undefined, and one through a file too', async (t) => {
  const root = openFileRoot(makeTree(t));
  t.teardown(() => root.close());
  t.equal(root.lstat(at('/none')), undefined);
  t.equal(root.lstat(at('/d/f/x')), undefined);
  t.equal(root.open(at('/none')), undefined);
  t.equal(root.list(at('/none')), undefined);
  t.equal(root.list(at('/d/f')), undefined);
});

t.test('a circle of links, a long name and a NUL byte are errors with a code', async (t) => {
  const root = openFileRoot(makeTree(t));
  t.teardown(() => root.close());
  t.throws(() => root.open(at('/loop')), { code: 'ELOOP', syscall: 'openat2', path: '/loop' });
  t.throws(() => root.lstat(at(`/${'x'.repeat(300)}`)), { code: 'ENAMETOOLONG', errno: -36 });
  t.throws(() => root.lstat(at('/a\0b')), TypeError);
});

t.test('regular files alone are opened, and nothing waits', async (t) => {
  const directory = makeTree(t);
  start(['mkfifo', `${directory}/fifo`]);
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  t.throws(() => root.open(at('/fifo')), { code: 'EINVAL' });
  t.throws(() => root.open(at('/d')), { code: 'EISDIR' });
  t.match(root.lstat(at('/fifo')), { kind: 'other' });
});

t.test('magic links of a /proc lead nowhere', async (t) => {
  const root = openFileRoot('/');
  t.teardown(() => root.close());
  t.throws(() => root.open(at('/proc/self/root/etc/passwd')), { code: 'ELOOP' });
  t.throws(() => root.open(at(`/proc/self/fd/${root.fd}/etc/passwd`)), { code: 'ELOOP' });
});

t.test('a read ends where the file ends', async (t) => {
  const root = openFileRoot(makeTree(t));
  t.teardown(() => root.close());
  const file = root.open(at('/d/f'));
  t.teardown(() => file?.close());
  t.equal(Buffer.from(file?.read(1, 3) ?? []).toString(), 'ell');
  t.equal(file?.read(4, 100).length, 1);
  t.equal(file?.read(5, 1).length, 0);
  t.equal(file?.read(1e12, 1).length, 0);
});

t.test('names that are no UTF-8 are found as they are listed', async (t) => {
  const directory = Buffer.from(`${makeTree(t)}/`);
  writeFileSync(Buffer.concat([directory, Buffer.from([0xff, 0xfe])]), 'bytes');
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  const names = root.list(at('/'));
  t.same(names, ['absolute', 'd', 'escape', 'loop', 'magic', '\xff\xfe']);
  const file = root.open(bytePath(Buffer.from([0x2f, 0xff, 0xfe])));
  t.equal(file?.status.sizeBytes, 5);
  file?.close();
});

t.test('a directory that may not be searched is EACCES', async (t) => {
  const directory = makeTree(t);
  chmodSync(`${directory}/d`, 0);
  const told = inChild(`
    const { openFileRoot } = await load('tree/root.js');
    const { bytePath } = await load('tree/path.js');
    const root = openFileRoot(${JSON.stringify(directory)});
    if (process.geteuid() === 0) native.setuid(65534);
    tell([attempt(() => root.lstat(bytePath('/d/f'))), attempt(() => root.open(bytePath('/d/f')))]);`);
  chmodSync(`${directory}/d`, 0o755); // to be removed
  t.match(told, [{ code: 'EACCES' }, { code: 'EACCES' }]);
});

const countDescriptors = () => readdirSync('/proc/self/fd').length;

t.test('a descriptor that was handed in stays open, and none is left over', async (t) => {
  const directory = makeTree(t);
  mkdirSync(`${directory}/e`);
  const outer = openFileRoot(directory);
  const before = countDescriptors();
  const inner = openFileRoot(outer.fd);
  for (const path of ['/d/f', '/none', '/d', '/loop', '/absolute']) {
    try {
      inner.open(at(path))?.close();
      inner.list(at(path));
    } catch {
      // the codes are tested above
    }
  }
  inner.close();
  t.equal(countDescriptors(), before);
  t.match(outer.lstat(at('/d/f')), { kind: 'file' });
  outer.close();
  t.equal(countDescriptors(), before - 1);
});

t.test('names are listed by byte, whatever encoding they are in', (t) => {
  const directory = t.testdir({ b: '', 'a.c': '', 'a-c': '', B: '' });
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff])]), '');
  writeFileSync(`${directory}/é`, '');
  const root = openFileRoot(directory);
  t.teardown(() => root.close());
  t.same(root.list(at('/')), ['B', 'a-c', 'a.c', 'b', '\xc3\xa9', '\xff']);
  t.end();
});

t.test('a path that is not there is undefined for each question, and no error', (t) => {
  const root = openFileRoot(t.testdir({ f: '' }));
  t.teardown(() => root.close());
  for (const path of ['/none', '/f/below', '/none/below'].map(at)) {
    t.equal(root.lstat(path), undefined);
    t.equal(root.open(path), undefined);
    t.equal(root.list(path), undefined);
  }
  t.equal(root.list(at('/f')), undefined);
  t.end();
});
