// The pack of every jail: devices, /tmp, and the accounts of the jail's users with their home directories.

import { bytePath } from '../../tree/path.ts';
import { caller, onHost } from '../../trust/owner.ts';
import { CHARACTER_DEVICE, DESCRIPTOR_LINKS, DEVICES } from '../host/devices.ts';
import type { JailUser, Pack, PackHost, Part } from './pack.ts';

// root cannot log in: it has no password and no shell.
const ROOT: JailUser = {
  name: 'root',
  uid: 0,
  gid: 0,
  gecos: 'root',
  home: '/',
  shell: '/usr/sbin/nologin',
  groups: [{ name: 'root', gid: 0 }],
};

export const base: Pack = {
  name: 'base',
  summary: 'devices, /tmp, /etc/passwd and /etc/group with root and the users of the jail, and their homes',
  when: { always: true },
  parts: (host): readonly Part[] => [
    { directory: '/tmp', mode: 0o1777 },
    ...DEVICES.map(([name, major, minor]): Part => ({
      device: `/dev/${name}`,
      mode: CHARACTER_DEVICE | 0o666,
      major,
      minor,
    })),
    ...DESCRIPTOR_LINKS.map(([name, target]): Part => ({ link: `/dev/${name}`, target })),
    { file: '/etc/passwd', content: Buffer.from([ROOT, ...host.users].map(passwdLine).join('')) },
    { file: '/etc/group', content: Buffer.from(groupLines([ROOT, ...host.users])) },
    ...host.users
      .filter((user) => isHome(host, user))
      .map(({ home, uid, gid }): Part => ({ directory: bytePath(home), mode: 0o700, uid, gid })),
  ],
};

// Git, vim and gpg keep files in HOME, which uchroot sets from the host's database. A home is created in the jail if it is
// below /home (hier(7)) or the user owns it on the host; root's /var/www or /nonexistent is not.
function isHome({ root }: PackHost, { home, uid }: JailUser): boolean {
  if (/^\/home\/[^/]/.test(home)) return true;
  if (!/^\/[^/]/.test(home) || /^\/(?:tmp|run|dev|proc|sys)(?:\/|$)/.test(home)) return false;
  const status = root.lstat(bytePath(home));
  return status?.kind === 'directory' && onHost(caller(), status).uid === uid;
}

// passwd(5)
function passwdLine({ name, uid, gid, gecos, home, shell }: JailUser): string {
  return `${[name, 'x', uid, gid, gecos, home, shell].join(':')}\n`;
}

// group(5) lists a user as a member of all groups but the primary one
function groupLines(users: readonly JailUser[]): string {
  const groups = new Map<number, { readonly name: string; readonly members: string[] }>();
  for (const user of users)
    for (const { name, gid } of user.groups) {
      const group = groups.get(gid) ?? { name, members: [] };
      groups.set(gid, group);
      if (gid !== user.gid) group.members.push(user.name);
    }
  return [...groups].map(([gid, { name, members }]) => `${name}:x:${gid}:${members.join(',')}\n`).join('');
}
