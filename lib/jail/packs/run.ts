// What a daemon expects of /run and /var.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

/**
 * A daemon that was started by init, as root, writes its pid file and its sockets into /run; in a jail it is an ordinary
 * user from the start. As in /tmp each may make files of his own there, and nobody those of another.
 */
export const run: Pack = {
  name: 'run',
  summary: '/run, /run/lock and /var/tmp, writable as /tmp is',
  when: {
    // daemon(3), or a place among programs of the system (hier(7)); what is started by others has no use for a pid file
    imports: ['daemon'],
    paths: /^(?:\/usr(?:\/local)?)?\/sbin\/[^/]+$/,
  },
  parts: [
    { directory: '/run', mode: 0o1777 },
    { directory: '/run/lock', mode: 0o1777 },
    { directory: '/var/tmp', mode: 0o1777 },
    { link: '/var/run', target: '/run' },
    { link: '/var/lock', target: '/run/lock' },
  ],
  check: (jail) => lacksAll(jail, '/run') ?? lacksAll(jail, '/var/tmp'),
};
