// Where a program tells systemd that it is ready, and still alive.

import type { Pack } from './pack.ts';

/**
 * systemd mounts its socket over /run/systemd/notify of the jail for as long as the service runs (uchroot --unit systemd
 * --notify). It makes a missing directory itself, and leaves it behind; so it is made here.
 */
export const notify: Pack = {
  name: 'notify',
  summary: '/run/systemd, where the sockets of systemd are to be mounted',
  when: { imports: ['sd_notify', 'sd_notifyf', 'sd_pid_notify', 'sd_pid_notify_with_fds'] },
  parts: [{ directory: '/run/systemd', mode: 0o755 }],
  check: (jail) => (jail.has('/run/systemd') ? undefined : '/run/systemd is not there'),
};
