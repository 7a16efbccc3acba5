// Processes in the jail that hold something outside of it by which they can leave.

import type { Stats } from 'node:fs';

import { bytePath, showPath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const outsideDescriptor: Rule = {
  id: 'outside-descriptor',
  group: 'running',
  severity: 'error',
  summary:
    'A process in the jail has a directory or disk open that lies outside of it, or its working directory does.',
  attack:
    'fchdir(2) or openat(2) on it, and it is out: the oldest way to leave a jail, and one that needs no privilege (chroot(2), ' +
    'NOTES; CVE-2024-21626 of runc). A disk is read past all permissions.',
  remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail.processes().flatMap(({ pid, name, outside }) =>
      outside
        .filter(({ status }) => isWayOut(status))
        .map(({ fd, path }) => ({
          path: bytePath('/'),
          message:
            fd === undefined
              ? `process ${pid} (${name}) works in ${showPath(path)}`
              : `process ${pid} (${name}) has ${showPath(path)} open, as descriptor ${fd}`,
          remedy: restarted(pid),
        })),
    ),
};

// More can be reached by it than it is itself.
function isWayOut(status: Stats): boolean {
  return status.isDirectory() || status.isBlockDevice();
}
