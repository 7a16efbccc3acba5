// A jail in which nothing can be executed.

import { bytePath } from '../../../binary/path.ts';
import { mountOf } from '../../host/mounts.ts';
import { remounted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const mountNoexec: Rule = {
  id: 'mount-noexec',
  group: 'path',
  severity: 'error',
  summary: 'The file system of the jail is mounted noexec, so that none of its programs can be started.',
  attack:
    'None: execve(2) fails with EACCES. Whoever then executes through ld.so has gained nothing by noexec (mount(8)).',
  remedy: 'mount -o remount,exec MOUNT-POINT',
  isQuick: true,
  look: (jail) => {
    const mount = mountOf(jail.mounts, jail.directory);
    if (mount?.options.has('noexec') !== true) return [];
    return [
      {
        path: bytePath('/'),
        message: 'its file system is mounted noexec: no program can be started',
        remedy: remounted(mount, 'exec', jail),
      },
    ];
  },
};
