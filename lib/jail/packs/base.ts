// What every jail has, whatever runs in it: devices, /tmp, and the accounts that it is for with their home directories.

import { bytePath } from '../../binary/path.ts';
import { CHARACTER_DEVICE, DESCRIPTOR_LINKS, DEVICES } from '../host/devices.ts';
import { lacksAll } from './self-check.ts';
import type { JailUser, Pack, PackHost, Part } from './pack.ts';

// Nobody logs in here: neither a password nor a shell of root's.
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
  // a device is missing where none may be made, and that is told
  check: (jail) =>
    ['/tmp', '/etc/passwd', '/etc/group']
      .map((path) => lacksAll(jail, path))
      .find((lack) => lack !== undefined),
};

// Git, vim and gpg keep files in HOME, which uchroot sets from the host's database. What is the user's own there, or lies
// where nothing but homes are (hier(7)), can be his in the jail as well; the root's /var/www or /nonexistent can not.
function isHome({ root }: PackHost, { home, uid }: JailUser): boolean {
  if (/^\/home\/[^/]/.test(home)) return true;
  if (!/^\/[^/]/.test(home) || /^\/(?:tmp|run|dev|proc|sys)(?:\/|$)/.test(home)) return false;
  const status = root.lstat(bytePath(home));
  return status?.kind === 'directory' && status.uid === uid;
}

// passwd(5)
function passwdLine({ name, uid, gid, gecos, home, shell }: JailUser): string {
  return `${[name, 'x', uid, gid, gecos, home, shell].join(':')}\n`;
}

// group(5): the members of a group of which none has it as the primary one stand behind it
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
