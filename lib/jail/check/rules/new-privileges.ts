// Processes in the jail that can still gain privileges.

import { bytePath } from '../../../binary/path.ts';
import { restarted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const newPrivileges: Rule = {
  id: 'new-privileges',
  group: 'running',
  severity: 'warning',
  summary: 'A process in the jail was started without no_new_privs.',
  attack:
    'A set-user-ID program that gets into the jail, or a mount that brings one, makes it root (prctl(2), PR_SET_NO_NEW_PRIVS).',
  remedy: '# end it, and start it as an ordinary user: uchroot USER DIRECTORY PROGRAM',
  look: (jail) =>
    jail
      .processes()
      .filter(({ hasNoNewPrivs }) => !hasNoNewPrivs)
      .map(({ pid, name }) => ({
        path: bytePath('/'),
        message: `process ${pid} (${name}) runs without no_new_privs`,
        remedy: restarted(pid),
      })),
};
