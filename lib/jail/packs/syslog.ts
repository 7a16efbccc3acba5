// Where syslog(3) finds the socket of the host's log.

import type { BytePath } from '../../binary/path.ts';
import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

const SOCKET = '/dev/log' as BytePath;

/**
 * A socket cannot be copied: one has to be mounted, or the daemon has to listen in the jail too. Until then messages are
 * dropped, and the program goes on (syslog(3)). With systemd the socket lies in a directory of its own, which can be
 * mounted and still is the right one when journald has been started anew.
 */
export const syslog: Pack = {
  name: 'syslog',
  summary: '/dev/log, which leads to where the socket of the journal is to be mounted',
  // openlog and not syslog, which libselinux calls if an administrator has made a mistake
  when: { imports: ['openlog'] },
  parts: ({ root, trigger }) => {
    const target = root.lstat(SOCKET)?.target;
    if (target === undefined) return trigger === undefined ? [{ directory: '/dev', mode: 0o755 }] : [];
    if (!/^\/?run\/systemd\/journal\/[^/]+$/.test(target)) return [];
    return [
      { link: SOCKET, target },
      { directory: '/run/systemd/journal', mode: 0o755 },
    ];
  },
  check: (jail) => lacksAll(jail, '/dev'),
  wants: ({ root }) =>
    root.lstat(SOCKET) === undefined
      ? 'there is no /dev/log in the jail: let a daemon of the host listen there, or messages are lost'
      : undefined,
};
