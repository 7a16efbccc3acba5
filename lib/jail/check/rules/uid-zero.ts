// A second root.

import { commandLine } from '../command.ts';
import { PASSWD, passwdOf } from '../accounts.ts';
import { quote } from '../../../quote.ts';
import { bytePath, pathBytes } from '../../../binary/path.ts';
import { hostPath, type Rule } from '../rule.ts';

export const uidZero: Rule = {
  id: 'uid-zero',
  group: 'identity',
  severity: 'error',
  summary: 'The /etc/passwd of the jail gives uid 0 to another account than root, or gives root another uid.',
  attack:
    'Who becomes that account in the jail, by su or by a service that drops to it, is root, and root leaves a jail ' +
    '(chroot(2), passwd(5)); the toor of a break-in.',
  remedy: 'vipw --root JAIL',
  look: (jail) =>
    passwdOf(jail.root)
      .filter(({ name, uid }) => (uid === 0) !== (name === 'root'))
      .map(({ name, uid }) => ({
        path: PASSWD,
        message: `${shown(name)} is uid ${uid}`,
        remedy: commandLine('vipw', '--root', hostPath(jail, bytePath('/'))),
      })),
};

/** A name of an account, which need not be one. */
export function shown(name: string): string {
  return quote(pathBytes(name as ReturnType<typeof bytePath>));
}
