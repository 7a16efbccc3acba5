// Accounts of a jail that nobody needs.

import { hashBytes } from '../../manifest/file-hash.ts';
import { PASSWD, passwdOf, readText } from '../accounts.ts';
import { commandLine } from '../command.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';
import { shown } from './uid-zero.ts';

export const idleAccount: Rule = {
  id: 'idle-account',
  group: 'identity',
  severity: 'note',
  summary: 'An account of the jail owns nothing in it, and the jail was not built for it.',
  attack:
    'It tells whoever breaks in who else there is on the host, and each account is one more to become (passwd(5)). ' +
    'A jail needs the names that its programs look up.',
  remedy: 'userdel --prefix JAIL USER',
  look: (jail) => {
    if (isAsBuilt(jail)) return [];
    const users = new Set([...(jail.manifest?.recipe.users ?? []), ...jail.users.map(({ name }) => name)]);
    return passwdOf(jail.root)
      .filter(({ name, uid }) => uid !== 0 && uid !== NOBODY && !users.has(name) && !jail.seen.uids.has(uid))
      .map(({ name, uid }) => ({
        path: PASSWD,
        message: `${shown(name)} (uid ${uid}) owns nothing in the jail, which was not built for it`,
        remedy: commandLine('userdel', '--prefix', jail.directory, '--', name),
      }));
  },
};

const NOBODY = 65534;

function isAsBuilt({ manifest, root }: CheckedJail): boolean {
  const sha256 = manifest?.entries.find(({ path }) => path === PASSWD)?.sha256;
  return hashBytes(Buffer.from(readText(root, PASSWD), 'latin1')) === sha256;
}
