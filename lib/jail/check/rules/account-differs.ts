// Accounts that are somebody else outside.

import { GROUP, groupsOf, PASSWD, passwdOf } from '../accounts.ts';
import { decision } from '../command.ts';
import type { Found } from '../finding.ts';
import { native } from '../../../native.ts';
import { type BytePath, pathBytes, showPath } from '../../../binary/path.ts';
import type { CheckedJail } from '../jail.ts';
import { hostPath, type Rule } from '../rule.ts';
import { shown } from './uid-zero.ts';

// Each is a question to the name service of the host, which may ask another machine.
const MOST = 2000;

export const accountDiffers: Rule = {
  id: 'account-differs',
  group: 'identity',
  severity: 'error',
  summary: 'A user or group of the jail has another number on the host, or its number another name.',
  attack:
    'Numbers are what counts: what sam writes in the jail belongs to somebody else on the host, and GNU chroot --userspec ' +
    'believes the jail when it is asked who sam is (passwd(5), group(5), chroot(1)).',
  remedy: '# give it the number of the host in JAIL/etc/passwd, and to its files in the jail as well',
  isQuick: true,
  look: function* look(jail): Generator<Found> {
    for (const { name, uid, gid } of passwdOf(jail.root).slice(0, MOST)) {
      const message = userDiffers(name, uid, gid);
      if (message !== undefined) yield found(jail, PASSWD, message);
    }
    for (const { name, gid } of groupsOf(jail.root).slice(0, MOST)) {
      const message = groupDiffers(name, gid);
      if (message !== undefined) yield found(jail, GROUP, `group ${message}`);
    }
  },
};

function found(jail: CheckedJail, path: BytePath, message: string): Found {
  const there = showPath(hostPath(jail, path));
  return {
    path,
    message,
    remedy: decision(`give it the number of the host in ${there}, and to its files in the jail as well`),
  };
}

function userDiffers(name: string, uid: number, gid: number): string | undefined {
  const host = isName(name) ? native.getpwnam(pathBytes(name as BytePath)) : null;
  if (host !== null && (host.uid !== uid || host.gid !== gid))
    return `${shown(name)} is ${uid}:${gid} here, and ${host.uid}:${host.gid} on the host`;
  return host === null ? renamed(name, uid, (id) => native.getpwuid(id)) : undefined;
}

function groupDiffers(name: string, gid: number): string | undefined {
  const host = isName(name) ? native.getgrnam(pathBytes(name as BytePath)) : null;
  if (host !== null && host.gid !== gid) return `${shown(name)} is ${gid} here, and ${host.gid} on the host`;
  return host === null ? renamed(name, gid, (id) => native.getgrgid(id)) : undefined;
}

function renamed(
  name: string,
  id: number,
  ask: (id: number) => { readonly name: string } | null,
): string | undefined {
  // that there is one root is for uid-zero to see
  const host = id > 0 && id <= MAX_ID ? ask(id) : null;
  return host === null ? undefined : `${id} is ${shown(name)} here, and ${host.name} on the host`;
}

const MAX_ID = 0xfffffffe; // 2^32-1 is no id (credentials(7))

function isName(name: string): boolean {
  return name !== '' && !name.includes('\0');
}
