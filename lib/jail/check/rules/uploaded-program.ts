// Programs that a user has put into the jail.

import { commandLine } from '../command.ts';
import { isProgram } from '../entry.ts';
import { hostPath, type Rule } from '../rule.ts';

export const uploadedProgram: Rule = {
  id: 'uploaded-program',
  group: 'upload',
  severity: 'warning',
  summary:
    'A program lies in a directory of a user or in a temporary one, and the builder has not put it there.',
  attack:
    'A jail holds only what was put into it, until somebody uploads more: an exploit for the kernel, a shell, a scanner. ' +
    'This is what the second stage of a break-in leaves behind (CWE-434).',
  remedy: 'chmod a-x FILE',
  lookAt: (entry, jail) => {
    const { path, uid, recorded, zone } = entry;
    if (recorded !== undefined || !isProgram(entry) || !(entry.isElf || entry.isScript)) return undefined;
    if (zone !== 'user' && zone !== 'passing') return undefined;
    return {
      path,
      message: `${entry.isElf ? 'it is a program' : 'it is a script'} that uid ${uid} has put there`,
      remedy: commandLine('chmod', 'a-x', hostPath(jail, path)),
    };
  },
};
