// Privileges that were kept for programs of a jail, and have no effect.

import { mountOf } from '../../host/mounts.ts';
import { remounted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const mountNosuid: Rule = {
  id: 'mount-nosuid',
  group: 'path',
  severity: 'note',
  summary:
    'A program is to keep its privileges, and the file system of the jail is mounted nosuid, so that it has none.',
  attack:
    'None: set-user-ID, set-group-ID and file capabilities are ignored (mount(8), nosuid), and the program does less than it should.',
  remedy: 'mount -o remount,suid MOUNT-POINT',
  look: (jail) => {
    const mount = mountOf(jail.mounts, jail.directory);
    const kept = jail.manifest?.entries.find(({ keepPrivileges }) => keepPrivileges === true);
    if (kept === undefined || mount?.options.has('nosuid') !== true) return [];
    return [
      {
        path: kept.path,
        message: 'its file system is mounted nosuid: the privileges that were kept for it have no effect',
        remedy: remounted(mount, 'suid', jail),
      },
    ];
  },
};
