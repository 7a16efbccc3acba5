// What has come into the jail since it was built.

import { decision } from '../command.ts';
import { copying } from '../remedy.ts';
import type { Rule } from '../rule.ts';
import { isSystemPath } from '../zone.ts';

export const extra: Rule = {
  id: 'extra',
  group: 'tamper',
  severity: 'warning',
  summary: 'Something lies where programs and configuration are, and the builder has not put it there.',
  attack:
    'A program, a module or a configuration file is found by its place: whatever lies in a directory of PATH, of the loader ' +
    'or of an interpreter is used (CWE-427). What was built can be built anew; this cannot.',
  remedy:
    '# if it belongs there, build it in: uchroot-jail build DIRECTORY --copy HOST-FILE:FILE; if not, look at it, and remove it',
  lookAt: ({ path, kind, recorded, zone, depth, error, isMounted }, jail) => {
    if (jail.manifest === undefined || recorded !== undefined || zone !== 'system' || depth === 0)
      return undefined;
    if (PLACES.has(path) || error !== 0 || isMounted) return undefined;
    // of another directory it is the administrator's business what it is for: a place to mount something, or data
    if (kind === 'directory' && !isSystemPath(path) && path !== ROOTS_HOME) return undefined;
    return {
      path,
      message: `the builder has not made ${kind === 'directory' ? 'this directory' : 'it'}`,
      remedy: decision(
        `if it belongs there, have it built in (${copying(jail, path)}); if not, look at it, and remove it`,
      ),
    };
  },
};

const ROOTS_HOME = '/root';

// Of each file system, and what is mounted or made when a jail is used (file-hierarchy(7)).
const PLACES: ReadonlySet<string> = new Set([
  '/.uchroot',
  '/lost+found',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/tmp',
  '/var/tmp',
]);
