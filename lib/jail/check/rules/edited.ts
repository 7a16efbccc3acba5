// Configuration that is no longer what was built.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';
import { changeOf, isConfiguration } from './changed.ts';

export const edited: Rule = {
  id: 'edited',
  group: 'tamper',
  severity: 'warning',
  summary: 'A file of /etc was edited since the jail was built.',
  attack:
    'It may be the work of the administrator, which update keeps; or a line in nginx.conf, sshd_config or ld.so.conf with ' +
    'which somebody has made room for himself (CWE-15). If it is wanted, ignore it: --ignore edited:PATH.',
  remedy: 'diff HOST-FILE JAIL-FILE',
  lookAt: (entry, jail) => {
    const found = changeOf(entry, jail);
    if (found === undefined || !isConfiguration(entry)) return undefined;
    // no fix: what was edited by hand cannot be had again
    const remedy = commandLine('diff', entry.recorded?.source ?? entry.path, hostPath(jail, entry.path));
    return { path: found.path, message: found.message, remedy };
  },
};
