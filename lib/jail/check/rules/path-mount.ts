// A jail on a file system that is somebody else's.

import { bytePath, showPath, trimSlashes } from '../../../binary/path.ts';
import { type Mount, mountOf, mountsIn } from '../../host/mounts.ts';
import { openFileRoot } from '../../../binary/root.ts';
import { backingOf } from '../backing.ts';
import { decision } from '../command.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';
import { looseOn } from '../way.ts';

export const pathMount: Rule = {
  id: 'path-mount',
  group: 'path',
  severity: 'error',
  summary:
    'The jail, a directory on the way to it, or something in it lies on a file system whose content somebody else than root of this host decides.',
  attack:
    'Whoever can write the image of a loop device or a layer of an overlay exchanges what lies in it, past all owners and modes. ' +
    'The owner of a FUSE mount answers every read himself, differently each time (mount.fuse(8)); the server of a network ' +
    'file system does what it likes with owners and set-user-ID bits (nfs(5), nosuid). No check of it holds.',
  remedy: '# move the jail to a file system of this host',
  isQuick: true,
  look: (jail) => {
    const mounts = jail.components.map(({ path }) => mountOf(jail.mounts, trimSlashes(bytePath(path))));
    const onWay = new Set(
      [...mounts, mountOf(jail.mounts, jail.directory)].filter((mount) => mount !== undefined),
    );
    const within = mountsIn(jail.mounts, jail.directory);
    return [...new Set([...onWay, ...within])].flatMap((mount) => {
      // what is mounted in the jail from a server is for bind-mount
      const whose = (onWay.has(mount) ? ownerOf(mount) : undefined) ?? holderOf(mount, jail);
      if (whose === undefined) return [];
      const how = onWay.has(mount) ? 'the jail lies on, or is reached by way of,' : 'in the jail is mounted';
      return [
        {
          path: mount.point,
          message: `${how} ${whose}`,
          remedy: decision(
            'move the jail to a file system of this host, and check that it is what was built',
          ),
        },
      ];
    });
  },
};

/** Who can write the image of a file system, or a layer of it. */
function holderOf(mount: Mount, { users }: CheckedJail): string | undefined {
  // Before the root was mounted these paths meant something else: they are those of a container's host, or of an initramfs.
  const backing = mount.point === '/' ? [] : backingOf(mount);
  if (backing.length === 0) return undefined;
  const host = openFileRoot('/');
  try {
    for (const path of backing) {
      const loose = looseOn(host, path, users);
      if (loose !== undefined)
        return `a file system (${mount.type}) that is made of ${showPath(path)}; of ${showPath(loose.path)}: ${loose.how}`;
    }
    return undefined;
  } finally {
    host.close();
  }
}

const NETWORK = /^(?:nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|ncpfs|virtiofs|coda|lustre)$/;

/** Who decides what lies on a file system, in words; undefined if it is root of this host. */
export function ownerOf({ type, options }: Pick<Mount, 'type' | 'options'>): string | undefined {
  if (NETWORK.test(type)) return `a network file system (${type})`;
  if (!/^fuse(?:\.|$)/.test(type)) return undefined; // fuseblk needs root
  const uid = [...options].find((option) => option.startsWith('user_id='))?.slice('user_id='.length);
  return uid === undefined || uid === '0' ? undefined : `a FUSE file system (${type}) of uid ${Number(uid)}`;
}
