// What could not be looked at.

import { errnoName } from '../../../errno.ts';
import { commandLine, decision } from '../command.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';

export const unread: Rule = {
  id: 'unread',
  group: 'tamper',
  severity: 'error',
  summary:
    'Something could not be read, or lies deeper than 1000 directories: what it is, nobody has checked.',
  attack:
    'Who wants to hide something from a check makes it unreadable to it: a lease, a very deep tree (fcntl(2), path_resolution(7)).',
  remedy: '# find out what it is, and who has made it: ls -la DIRECTORY',
  lookAt: (entry, jail) => {
    const { path, error } = entry;
    if (error === 0) return undefined;
    const look = commandLine('ls', '-lad', hostPath(jail, path));
    return {
      path,
      message: `it could not be read (${errnoName(error)})`,
      remedy: decision(`find out what it is, and who has made it: ${look}`),
      // what lies there is his
      ...(isOwn(entry) && { severity: 'warning' }),
    };
  },
};
