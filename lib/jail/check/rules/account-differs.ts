// Accounts that are somebody else outside.

import { GROUP, groupsOf, PASSWD, passwdOf } from '../accounts.ts';
import { commandLine } from '../command.ts';
import type { Found } from '../finding.ts';
import { native } from '../../../native.ts';
import { pathBytes, type BytePath } from '../../../binary/path.ts';
import { hostPath, type Rule } from '../rule.ts';
import { shown } from './uid-zero.ts';

const MOST = 10_000;

export const accountDiffers: Rule = {
  id: 'account-differs',
  group: 'identity',
  severity: 'error',
  summary: 'A user or group of the jail has another number on the host.',
  attack:
    'Numbers are what counts: what sam writes in the jail belongs to somebody else on the host, and GNU chroot --userspec ' +
    'believes the jail when it is asked who sam is (passwd(5), group(5), chroot(1)).',
  remedy: 'diff /etc/passwd JAIL/etc/passwd',
  look: function* look(jail): Generator<Found> {
    for (const { name, uid, gid } of passwdOf(jail.root).slice(0, MOST)) {
      const host = isName(name) ? native.getpwnam(pathBytes(name as BytePath)) : null;
      if (host === null || (host.uid === uid && host.gid === gid)) continue;
      yield {
        path: PASSWD,
        message: `${shown(name)} is ${uid}:${gid} here, and ${host.uid}:${host.gid} on the host`,
        remedy: commandLine('diff', PASSWD, hostPath(jail, PASSWD)),
      };
    }
    for (const { name, gid } of groupsOf(jail.root).slice(0, MOST)) {
      const host = isName(name) ? native.getgrnam(pathBytes(name as BytePath)) : null;
      if (host === null || host.gid === gid) continue;
      yield {
        path: GROUP,
        message: `group ${shown(name)} is ${gid} here, and ${host.gid} on the host`,
        remedy: commandLine('diff', GROUP, hostPath(jail, GROUP)),
      };
    }
  },
};

function isName(name: string): boolean {
  return name !== '' && !name.includes('\0');
}
