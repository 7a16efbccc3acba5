// A place for pseudoterminals.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

// Of an interpreter it would be no news; these do nothing without.
const ON_TERMINALS = /^(?:tmux|screen(?:-[\d.]+)?|dtach|abduco|zellij)$/;

export const pty: Pack = {
  name: 'pty',
  summary: '/dev/pts and /dev/ptmx, for a devpts file system to be mounted',
  when: { imports: ['posix_openpt', 'openpty', 'forkpty', 'getpt'] },
  parts: [
    { directory: '/dev/pts', mode: 0o755 },
    // a device of that number looks for a devpts beside it (Documentation/filesystems/devpts.rst of the kernel)
    { link: '/dev/ptmx', target: 'pts/ptmx' },
  ],
  check: (jail) => lacksAll(jail, '/dev/pts'),
  wants: (jail) =>
    jail.executables(ON_TERMINALS).length === 0 || jail.has('/dev/pts/ptmx')
      ? undefined
      : 'programs in the jail cannot open terminals before devpts is mounted: mount --bind /dev/pts JAIL/dev/pts',
};
