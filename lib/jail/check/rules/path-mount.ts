// A jail on a file system that is somebody else's.

import { bytePath, trimSlashes } from '../../../binary/path.ts';
import type { Mount } from '../../host/mountinfo.ts';
import { mountOf } from '../../host/mounts.ts';
import { decision } from '../command.ts';
import type { Rule } from '../rule.ts';

export const pathMount: Rule = {
  id: 'path-mount',
  group: 'path',
  severity: 'error',
  summary:
    'The jail, or a directory on the way to it, lies on a file system whose content somebody else than root of this host decides.',
  attack:
    'The owner of a FUSE mount answers every read himself, differently each time (mount.fuse(8)); the server of a network ' +
    'file system does what it likes with owners and set-user-ID bits (nfs(5), nosuid). No check of it holds.',
  remedy: '# move the jail to a file system of this host',
  isQuick: true,
  look: (jail) => {
    const mounts = jail.components.map(({ path }) => mountOf(jail.mounts, trimSlashes(bytePath(path))));
    return [...new Set([...mounts, mountOf(jail.mounts, jail.directory)])].flatMap((mount) => {
      const whose = mount && ownerOf(mount);
      if (mount === undefined || whose === undefined) return [];
      return [
        {
          path: mount.point,
          message: `the jail lies on ${whose}, or is reached by way of one`,
          remedy: decision(
            'move the jail to a file system of this host, and check that it is what was built',
          ),
        },
      ];
    });
  },
};

const NETWORK = /^(?:nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|ncpfs|virtiofs|coda|lustre)$/;

/** Who decides what lies on a file system, in words; undefined if it is root of this host. */
export function ownerOf({ type, options }: Pick<Mount, 'type' | 'options'>): string | undefined {
  if (NETWORK.test(type)) return `a network file system (${type})`;
  if (!/^fuse(?:\.|$)/.test(type)) return undefined; // fuseblk needs root
  const uid = [...options].find((option) => option.startsWith('user_id='))?.slice('user_id='.length);
  return uid === undefined || uid === '0' ? undefined : `a FUSE file system (${type}) of uid ${Number(uid)}`;
}
