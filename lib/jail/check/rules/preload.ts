// A library that comes into every program.

import { commandLine, decision } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const preload: Rule = {
  id: 'preload',
  group: 'escape',
  severity: 'error',
  summary: 'There is an /etc/ld.so.preload that the builder has not made.',
  attack:
    'Every library that it names is loaded into every program of the jail before all others (ld.so(8), FILES): what a rootkit does.',
  covers: ['extra', 'search-path'],
  remedy: '# look at what it names; if nobody knows it: rm JAIL/etc/ld.so.preload',
  lookAt: ({ path, kind, sizeBytes, recorded }, jail) => {
    if (path !== '/etc/ld.so.preload' || recorded !== undefined) return undefined;
    if (kind === 'file' && sizeBytes === 0) return undefined;
    return {
      path,
      message: 'it brings libraries into every program of the jail',
      remedy: decision(
        `look at what it names; if nobody knows it: ${commandLine('rm', hostPath(jail, path))}`,
      ),
    };
  },
};
