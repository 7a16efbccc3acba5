import t from 'tap';

import { bytePath } from '../../lib/binary/path.ts';
import { mountedWords, mountsBeneath } from '../../lib/jail/busy.ts';

const line = (point: string) => `36 35 98:0 /mnt1 ${point} rw,noatime master:1 - ext3 /dev/root rw\n`;

function pointsBeneath(directory: string, ...points: readonly string[]): readonly string[] {
  return mountsBeneath(Buffer.from(points.map(line).join('')), { path: bytePath(directory) });
}

t.test('what is mounted at or below the directory counts, and nothing beside it', async (t) => {
  const points = ['/', '/srv', '/srv/jail', '/srv/jail/proc', '/srv/jail2', '/srv/jail2/proc', '/jail/proc'];
  t.same(pointsBeneath('/srv/jail', ...points), ['/srv/jail', '/srv/jail/proc']);
  t.same(pointsBeneath('/srv/ja', ...points), []);
  t.same(pointsBeneath('/', ...points), points);
});

t.test('blanks, line ends and backslashes are what they stand for', async (t) => {
  t.same(pointsBeneath('/a b', '/a\\040b/x', '/a\\040b'), ['/a b/x', '/a b']);
  t.same(pointsBeneath('/a\nb\tc', '/a\\012b\\011c'), ['/a\nb\tc']);
  t.same(pointsBeneath('/a\\040b', '/a\\134040b', '/a\\040b'), ['/a\\040b']);
  t.same(pointsBeneath('/ä', '/ä/b'), [bytePath('/ä/b')]);
});

t.test('no mount, and no such file, is nothing', async (t) => {
  t.same(mountsBeneath(new Uint8Array(), { path: bytePath('/srv') }), []);
  t.equal(mountedWords([]), undefined);
});

t.test('the first mount is named, and how many there are besides', async (t) => {
  t.equal(mountedWords([bytePath('/a')]), 'something is mounted on /a');
  t.equal(mountedWords(['/a\n', '/b', '/c'].map(bytePath)), 'something is mounted on /a\\n and 2 more');
});
