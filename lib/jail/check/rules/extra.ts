// What has come into the jail since it was built.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const extra: Rule = {
  id: 'extra',
  group: 'tamper',
  severity: 'warning',
  summary: 'Something lies where programs and configuration are, and the builder has not put it there.',
  attack:
    'A program, a module or a configuration file is found by its place: whatever lies in a directory of PATH, of the loader ' +
    'or of an interpreter is used (CWE-427). What was built can be built anew; this cannot.',
  remedy: 'uchroot-jail build DIRECTORY --copy FILE',
  lookAt: ({ path, kind, recorded, zone, depth, error }, jail) => {
    if (jail.manifest === undefined || recorded !== undefined || zone !== 'system' || depth === 0)
      return undefined;
    if (PLACES.has(path) || error !== 0) return undefined;
    return {
      path,
      message: `the builder has not made ${kind === 'directory' ? 'this directory' : 'it'}`,
      remedy: commandLine('rm', '-ri', hostPath(jail, path)),
    };
  },
};

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
