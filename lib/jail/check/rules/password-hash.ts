// Passwords in a jail.

import { fieldsOf, GROUP, PASSWD, SHADOW } from '../accounts.ts';
import { commandLine } from '../command.ts';
import type { Found } from '../finding.ts';
import type { Rule } from '../rule.ts';
import { shown } from './uid-zero.ts';

export const passwordHash: Rule = {
  id: 'password-hash',
  group: 'identity',
  severity: 'error',
  summary: 'An account of the jail has the hash of a password, or needs none.',
  attack:
    'A hash that is read is a password that is guessed, and the same one opens the host; without one everybody is that ' +
    'account by su(1) (crypt(5), shadow(5), CWE-522). Nobody logs in by the passwd of a jail.',
  remedy: "usermod --prefix JAIL --password '*' USER",
  isQuick: true,
  look: function* look(jail): Generator<Found> {
    for (const path of [PASSWD, GROUP, ...SHADOW])
      for (const [name = '', password = ''] of fieldsOf(jail.root, path)) {
        const isOfUsers = path === PASSWD || path === SHADOW[0];
        const command = isOfUsers ? 'usermod' : 'groupmod';
        const what = passwordOf(password, isOfUsers);
        if (what === undefined) continue;
        yield {
          path,
          message: `${shown(name)} has ${what}`,
          remedy: commandLine(command, '--prefix', jail.directory, '--password', '*', '--', name),
        };
      }
  },
};

// An empty field means in passwd(5) and shadow(5) that there is no password; a group without one has members only. A locked
// hash, `!$6$…`, is one that can be guessed as well.
function passwordOf(field: string, isOfUsers: boolean): string | undefined {
  if (field === '') return isOfUsers ? 'an empty password' : undefined;
  return /^(?:x|[*!]+|[*!]*LK[*!]*)$/.test(field) ? undefined : 'the hash of a password';
}
