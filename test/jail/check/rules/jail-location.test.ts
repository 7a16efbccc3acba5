import t from 'tap';

import { bytePath } from '../../../../lib/tree/path.ts';
import type { CheckedJail } from '../../../../lib/jail/check/checked-jail.ts';
import { layersOf, ownerOf, pathMount } from '../../../../lib/jail/check/rules/jail-location.ts';
import { readMounts } from '../../../../lib/tree/mountinfo.ts';

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

t.test('path-mount: the layers of an overlay are told from its options', async (t) => {
  const layers = (...options: readonly string[]) => layersOf(new Set(options));
  t.same(layers('rw', 'lowerdir=/a:/b\\:c', 'upperdir=/u', 'workdir=/w'), ['/a', '/b:c', '/u']);
  t.same(layers('lowerdir+=/a\\040b', 'datadir+=/d'), ['/a b', '/d'], 'as newer kernels write them');
  t.same(layers('lowerdir=relative', 'lowerdirs=/x'), []);
});

t.test('path-mount: it counts on the way to the jail as well', async (t) => {
  const mounts = readMounts(
    Buffer.from(`22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:26 / /srv rw,nosuid,nodev - fuse.sshfs sam@host:/ rw,user_id=1000,group_id=1000
31 30 0:27 / /srv/jail rw - tmpfs tmpfs rw
`),
  );
  const found = (directory: string, ...components: readonly string[]) => {
    const way = components.map((path) => ({ path: Buffer.from(path), mode: 0o40755, uid: 0, gid: 0 }));
    const jail = {
      users: [],
      directory: bytePath(directory),
      components: way,
      mounts,
    } as unknown as CheckedJail;
    return [...(pathMount.look?.(jail) ?? [])].map(({ path }) => path);
  };
  t.same(found('/srv/jail', '/', '/srv', '/srv/jail'), ['/srv']);
  t.same(found('/var/jail', '/', '/var', '/var/jail'), []);
});

t.test(
  'path-mount: layers of the root file system are paths of somewhere else, as in a container',
  async (t) => {
    const found = (point: string) => {
      const line = `22 1 0:50 / ${point} rw - overlay overlay rw,lowerdir=/,upperdir=/tmp/no-layer/upper,workdir=/tmp/no-layer/work\n`;
      const way = [{ path: Buffer.from('/'), mode: 0o40755, uid: 0, gid: 0 }];
      const jail = {
        users: [],
        directory: bytePath('/srv/jail'),
        components: way,
        mounts: readMounts(Buffer.from(line)),
      };
      return [...(pathMount.look?.(jail as unknown as CheckedJail) ?? [])].map(({ path }) => path);
    };
    t.same(found('/'), []);
    t.same(found('/srv/jail'), ['/srv/jail'], 'whoever can make the layer may have made it');
  },
);
