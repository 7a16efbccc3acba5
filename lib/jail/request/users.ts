// Accounts that a jail is built for, as the host knows them.

import { readFileSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { unknown } from '../../launch/host/account.ts';
import { native } from '../../native.ts';
import { nearest } from '../../nearest.ts';
import { quote } from '../../quote.ts';
import type { JailUser } from '../packs/pack.ts';

/**
 * The accounts by these names, from the host's database (getpwnam(3), getgrouplist(3)).
 * @throws LaunchError ERR_UNKNOWN_USER for a name that the host does not know; UsageError for uid 0.
 */
export function readUsers(names: readonly string[]): readonly JailUser[] {
  return names.map((name) => {
    const entry = native.getpwnam(name);
    if (entry === null) throw unknown('user', name, hintFor(name));
    if (entry.uid === 0)
      throw new UsageError(`user ${quote(name)} is uid 0, which has root's power in a jail`, {
        hint: 'name an ordinary user; root is in the /etc/passwd of every jail',
      });
    const { uid, gid, gecos, dir: home, shell } = entry;
    const gids = [gid, ...native.getgrouplist(name, gid).filter((other) => other !== gid)];
    const groups = gids.map((id) => ({ name: native.getgrgid(id)?.name ?? String(id), gid: id }));
    return { name: entry.name, uid, gid, gecos, home, shell, groups };
  });
}

function hintFor(name: string): string {
  // for the hint alone: not all accounts of the host need to stand there
  const lines = readFileSync('/etc/passwd', 'latin1').split('\n');
  const meant = nearest(
    name,
    lines.map((line) => line.replace(/:.*/, '')),
  );
  return meant === undefined
    ? 'the user must exist on the host: getent passwd lists them'
    : `did you mean ${quote(meant)}?`;
}
