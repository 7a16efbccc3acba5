import t from 'tap';

import { bytePath, type BytePath } from '../../lib/binary/path.ts';
import { findMount, isWithin, parseMountInfo } from '../../lib/jail/mounts.ts';

const LINES = `23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 23 0:21 / /proc rw,nosuid - proc proc rw
60 23 7:0 / /srv rw - btrfs /dev/loop0 rw,subvol=/
61 60 0:50 / /srv/a\\040b\\011c\\012d\\134e rw - tmpfs tmpfs rw
62 23 7:0 /jails/one/etc /mnt/etc rw - btrfs /dev/loop0 rw
63 23 254:0 /var/jail /mnt/jail rw - ext4 /dev/vda rw
64 23 254:0 /srv/jails/two /mnt/hidden rw - ext4 /dev/vda rw
`;

const mounts = parseMountInfo(LINES as BytePath);
const pointOf = (directory: string) => findMount(mounts, bytePath(directory))?.point;

t.test('spaces, tabs, newlines and backslashes of a mount point are read', async (t) => {
  t.equal(mounts.length, 7);
  t.strictSame(mounts[3], { device: '0:50', root: '/', point: '/srv/a b\tc\nd\\e' });
  t.strictSame(parseMountInfo('garbage\n\n' as BytePath), []);
});

t.test('a mount on a directory or in it is found, one beside it is not', async (t) => {
  t.equal(pointOf('/proc'), '/proc');
  t.equal(pointOf('/srv'), '/srv');
  t.equal(pointOf('/srv/a b\tc\nd\\e'), '/srv/a b\tc\nd\\e');
  t.equal(pointOf('/srv/a'), undefined);
  t.equal(pointOf('/pro'), undefined);
  t.equal(pointOf('/srv/jails/other'), undefined);
});

t.test('so is one elsewhere of what lies in the directory, by the file system that holds it', async (t) => {
  t.equal(pointOf('/srv/jails/one'), '/mnt/etc');
  t.equal(pointOf('/srv/jails/one/etc'), '/mnt/etc');
  t.equal(pointOf('/srv/jails/one/et'), undefined);
  t.equal(pointOf('/var/jail'), '/mnt/jail');
  t.equal(pointOf('/srv/jails/two'), undefined, 'the same path of another file system');
});

t.test('isWithin goes by whole components', async (t) => {
  const within = (path: string, directory: string) => isWithin(bytePath(path), bytePath(directory));
  t.ok(within('/a/b', '/a'));
  t.ok(within('/a', '/a'));
  t.ok(within('/a', '/'));
  t.notOk(within('/ab', '/a'));
  t.notOk(within('/', '/a'));
});
