// What could not be looked at.

import { errnoName } from '../../../launch/errno.ts';
import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const unread: Rule = {
  id: 'unread',
  group: 'tamper',
  severity: 'error',
  summary:
    'Something could not be read, or lies deeper than 1000 directories: what it is, nobody has checked.',
  attack:
    'Who wants to hide something from a check makes it unreadable to it: a lease, a very deep tree (fcntl(2), path_resolution(7)).',
  remedy: 'ls -la DIRECTORY',
  lookAt: ({ path, error }, jail) =>
    error === 0
      ? undefined
      : {
          path,
          message: `it could not be read (${errnoName(error)})`,
          remedy: commandLine('ls', '-lad', hostPath(jail, path)),
        },
};
