// A second root.

import { commandLine } from '../command.ts';
import { PASSWD, passwdOf } from '../accounts.ts';
import { quote } from '../../../quote.ts';
import { type BytePath, pathBytes } from '../../../binary/path.ts';
import type { Rule } from '../rule.ts';

export const uidZero: Rule = {
  id: 'uid-zero',
  group: 'identity',
  severity: 'error',
  summary: 'The /etc/passwd of the jail gives uid 0 to another account than root, or gives root another uid.',
  attack:
    'Who becomes that account in the jail, by su or by a service that drops to it, is root, and root leaves a jail ' +
    '(chroot(2), passwd(5)); the toor of a break-in.',
  remedy: 'userdel --prefix JAIL USER',
  isQuick: true,
  look: (jail) =>
    passwdOf(jail.root)
      .filter(({ name, uid }) => (uid === 0) !== (name === 'root'))
      .map(({ name, uid }) => ({
        path: PASSWD,
        message: `${shown(name)} is uid ${uid}`,
        // --prefix and not --root, by which it would load modules out of the jail, as root (CVE-2019-14271)
        remedy:
          name === 'root'
            ? commandLine('usermod', '--prefix', jail.directory, '--uid', '0', '--non-unique', 'root')
            : commandLine('userdel', '--prefix', jail.directory, '--', name),
      })),
};

/** A name of an account, which need not be one. */
export function shown(name: string): string {
  return quote(pathBytes(name as BytePath));
}
