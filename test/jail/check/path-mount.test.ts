import t from 'tap';

import { ownerOf } from '../../../lib/jail/check/rules/path-mount.ts';

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
