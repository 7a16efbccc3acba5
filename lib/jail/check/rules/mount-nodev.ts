// Devices of a jail that nobody can open.

import { mountOf } from '../../host/mounts.ts';
import { remounted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const mountNodev: Rule = {
  id: 'mount-nodev',
  group: 'path',
  severity: 'warning',
  summary:
    'The jail has devices by its manifest, and its file system is mounted nodev, so that they cannot be opened.',
  attack:
    'None: open(2) of /dev/null or /dev/urandom fails with EACCES, and programs that need randomness may go on without it.',
  remedy: 'mount -o remount,dev MOUNT-POINT',
  look: (jail) => {
    const mount = mountOf(jail.mounts, jail.directory);
    const device = jail.manifest?.entries.find(({ kind }) => kind === 'device');
    if (device === undefined || mount?.options.has('nodev') !== true) return [];
    return [
      {
        path: device.path,
        message: 'its file system is mounted nodev: it cannot be opened, nor can other devices',
        remedy: remounted(mount, 'dev', jail),
      },
    ];
  },
};
