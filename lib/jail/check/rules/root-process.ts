// Processes that are root in the jail.

import { bytePath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const rootProcess: Rule = {
  id: 'root-process',
  group: 'running',
  severity: 'error',
  summary: 'A process that has the jail as its root directory runs as root.',
  attack:
    'Root leaves: mkdir, chroot into it, and chdir("..") until the top (chroot(2), NOTES); or it makes the device of a disk, ' +
    'or traces a process outside.',
  remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail
      .processes()
      .filter(({ uids }) => uids.includes(0))
      .map(({ pid, name }) => ({
        path: bytePath('/'),
        message: `process ${pid} (${name}) runs in it as root`,
        remedy: restarted(pid),
      })),
};
