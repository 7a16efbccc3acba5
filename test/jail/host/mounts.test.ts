import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { mountOf, readMounts } from '../../../lib/tree/mountinfo.ts';
import { findMount, isShared, mountsIn, pointIn } from '../../../lib/jail/host/mounts.ts';

const LINES = `23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
24 23 0:21 / /proc rw,nosuid - proc proc rw
60 23 7:0 / /srv rw - btrfs /dev/loop0 rw,subvol=/
61 60 0:50 / /srv/a\\040b\\011c\\012d\\134e rw - tmpfs tmpfs rw
62 23 7:0 /jails/one/etc /mnt/etc rw - btrfs /dev/loop0 rw
63 23 254:0 /var/jail /mnt/jail rw - ext4 /dev/vda rw
64 23 254:0 /srv/jails/two /mnt/hidden rw - ext4 /dev/vda rw
65 23 254:0 /var/jail/sub /mnt/sub rw - ext4 /dev/vda rw
`;

const mounts = readMounts(Buffer.from(LINES));
const pointOf = (directory: string) => findMount(mounts, bytePath(directory))?.point;

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
  t.equal(pointOf('/mnt/jail/sub'), '/mnt/sub', 'of a part of a file system');
  t.equal(pointOf('/srv/jails/two'), undefined, 'the same path of another file system');
});

const around = readMounts(
  Buffer.from(`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 22 0:26 / /srv rw,nosuid,nodev,relatime - fuse.sshfs sam@host:/ rw,user_id=1000,group_id=1000
31 30 0:4 / /srv/jail/proc rw shared:2 master:3 - proc proc rw,hidepid=invisible
32 30 254:0 /var/a\\040b /srv/jail/tmp/a\\040b\\012 ro - ext4 /dev/vda rw
33 22 0:27 / /srv/jailed rw - tmpfs tmpfs rw
34 22 0:28 / /srv rw - nfs4 server:/ rw
garbage

`),
);
const jail = bytePath('/srv/jail');

t.test('a directory lies on the mount that is nearest, and of those the last', async (t) => {
  t.equal(mountOf(around, jail)?.type, 'nfs4');
  t.equal(mountOf(around, bytePath('/srv/jail/proc'))?.type, 'proc', 'wherever it stands');
  t.equal(mountOf(around, bytePath('/srvx'))?.type, 'ext4');
  t.equal(mountOf(around, bytePath('/'))?.type, 'ext4');
  t.equal(mountOf([], jail), undefined);
});

t.test('a mount in a directory is told from one with a similar name', async (t) => {
  t.same(
    mountsIn(around, jail).map((mount) => pointIn(mount, jail)),
    ['/proc', '/tmp/a b\n'],
  );
  t.equal(mountsIn(around, bytePath('/')).length, around.length - 1);
  t.equal(mountsIn(around, jail)[1]?.root, '/var/a b');
  t.ok(mountsIn(around, jail)[0]?.options.has('hidepid=invisible'));
});

t.test('a mount that is outside as well is the host’s', async (t) => {
  const shared = readMounts(
    Buffer.from(`22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:20 / /run rw - tmpfs tmpfs rw
24 22 0:20 / /srv/jail/run rw - tmpfs tmpfs rw
25 22 0:21 / /srv/jail/tmp rw - tmpfs tmpfs rw
`),
  );
  t.same(
    mountsIn(shared, jail).map((mount) => isShared(mount, shared, jail)),
    [true, false],
  );
});
