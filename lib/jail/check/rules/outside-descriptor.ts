// Processes in the jail that hold a directory outside of it.

import { bytePath, showPath } from '../../../binary/path.ts';
import { commandLine } from '../command.ts';
import type { Rule } from '../rule.ts';

export const outsideDescriptor: Rule = {
  id: 'outside-descriptor',
  group: 'running',
  severity: 'error',
  summary: 'A process in the jail has a directory open that lies outside of it.',
  attack:
    'fchdir(2) or openat(2) on it, and it is out: the oldest way to leave a jail, and one that needs no privilege (chroot(2), ' +
    'NOTES; CVE-2024-21626 of runc).',
  remedy: 'uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail.processes().flatMap(({ pid, name, open }) =>
      open
        .filter(({ path, isDirectory }) => isDirectory && !`${path}/`.startsWith(`${jail.directory}/`))
        .map(({ fd, path }) => ({
          path: bytePath('/'),
          message: `process ${pid} (${name}) has ${showPath(path)} open, as descriptor ${fd}`,
          remedy: commandLine('kill', String(pid)),
        })),
    ),
};
