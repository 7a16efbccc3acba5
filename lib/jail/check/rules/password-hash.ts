// Passwords in a jail.

import { type BytePath, showPath } from '../../../binary/path.ts';
import { fieldsOf, GROUP, PASSWD, SHADOW } from '../accounts.ts';
import { commandLine, decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import { hostPath, type Rule } from '../rule.ts';
import { shown } from './uid-zero.ts';

export const passwordHash: Rule = {
  id: 'password-hash',
  group: 'identity',
  severity: 'error',
  summary: 'An account of the jail has the hash of a password, or needs none.',
  attack:
    'A hash that is read is a password that is guessed, and the same one opens the host; without one everybody is that ' +
    'account by su(1) (crypt(5), shadow(5), CWE-522). Nobody logs in by the passwd of a jail.',
  remedy: "sed -i 's/^USER:[^:]*:/USER:*:/' JAIL/etc/shadow",
  isQuick: true,
  look: function* look(jail): Generator<Found> {
    for (const path of [PASSWD, GROUP, ...SHADOW])
      for (const [name = '', password = ''] of fieldsOf(jail.root, path)) {
        const what = passwordOf(password, path === PASSWD || path === SHADOW[0]);
        if (what === undefined) continue;
        yield {
          path,
          message: `${shown(name)} has ${what}`,
          remedy: remedyOf(jail, path, name),
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

// By sed, since usermod(8) and groupmod(8) leave gshadow, and a second line of the same name, as they are. It writes a new file,
// and so only in the place of a regular one.
function remedyOf(jail: CheckedJail, path: BytePath, name: string): string {
  const isPlain = /^[A-Za-z0-9_-]+$/.test(name) && jail.root.lstat(path)?.kind === 'file';
  const at = hostPath(jail, path);
  return isPlain
    ? commandLine('sed', '-i', `s/^${name}:[^:]*:/${name}:*:/`, at)
    : decision(`write * in the place of the password of ${shown(name)} in ${showPath(at)}`);
}
