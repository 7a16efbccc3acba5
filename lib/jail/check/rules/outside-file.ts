// Processes in the jail that have got files of the host along.

import { bytePath, showPath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const outsideFile: Rule = {
  id: 'outside-file',
  group: 'running',
  severity: 'warning',
  summary:
    'A process in the jail has a file outside of it open, besides its standard input, output and error.',
  attack:
    'Whoever takes the process over reads or writes it, whatever its permissions are: they were looked at when it was opened ' +
    '(open(2)); a database, or a log of the service that started it (CWE-403).',
  remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail.processes().flatMap(({ pid, name, outside }) =>
      outside
        .filter(({ fd = 0, path, status }) => fd > 2 && status.isFile() && !NAMELESS.test(path))
        .map(({ fd, path }) => ({
          path: bytePath('/'),
          message: `process ${pid} (${name}) has ${showPath(path)} open, as descriptor ${fd}`,
          remedy: restarted(pid),
        })),
    ),
};

// Memory that looks like a file (memfd_create(2), shmget(2)).
const NAMELESS = /^\/(?:memfd:|SYSV|dev\/zero \(deleted\)$)/;
