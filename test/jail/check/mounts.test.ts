import t from 'tap';

import { bytePath } from '../../../lib/binary/path.ts';
import { isShared, mountOf, mountsIn, parseMounts, pointIn } from '../../../lib/jail/check/mounts.ts';
import { ownerOf } from '../../../lib/jail/check/rules/path-mount.ts';

const mounts = parseMounts(
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
  t.equal(mountOf(mounts, jail)?.type, 'nfs4');
  t.equal(mountOf(mounts, bytePath('/srvx'))?.type, 'ext4');
  t.equal(mountOf(mounts, bytePath('/'))?.type, 'ext4');
  t.equal(mountOf([], jail), undefined);
});

t.test('what is mounted in a directory is told from what has a similar name', async (t) => {
  t.same(
    mountsIn(mounts, jail).map((mount) => pointIn(mount, jail)),
    ['/proc', '/tmp/a b\n'],
  );
  t.equal(mountsIn(mounts, bytePath('/')).length, mounts.length - 1);
  t.equal(mountsIn(mounts, jail)[1]?.root, '/var/a b');
  t.ok(mountsIn(mounts, jail)[0]?.options.has('hidepid=invisible'));
});

t.test('path-mount: a file system is told whose content somebody else decides', async (t) => {
  const whose = (type: string, ...options: readonly string[]) => ownerOf({ type, options: new Set(options) });
  t.match(whose('fuse.sshfs', 'rw', 'user_id=1000'), /FUSE.*uid 1000/);
  t.match(whose('fuse', 'user_id=1'), /uid 1/);
  t.equal(whose('fuse.lxcfs', 'user_id=0'), undefined);
  t.equal(whose('fuseblk', 'user_id=0'), undefined);
  t.match(whose('nfs4'), /network/);
  t.match(whose('9p'), /network/);
  for (const type of ['ext4', 'xfs', 'btrfs', 'tmpfs', 'overlay', 'zfs'])
    t.equal(whose(type), undefined, type);
});

t.test('what is mounted outside as well is the host’s', async (t) => {
  const shared = parseMounts(
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
