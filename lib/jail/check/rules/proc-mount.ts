// A /proc in the jail that shows the processes of the host.

import { isShared, mountsIn, pointIn } from '../../host/mounts.ts';
import { commandLine } from '../command.ts';
import { unmounted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

export const procMount: Rule = {
  id: 'proc-mount',
  group: 'escape',
  severity: 'warning',
  summary: 'A proc file system is mounted in the jail, and shows the processes of others.',
  attack:
    '/proc/PID/root and /proc/PID/cwd of a process of the same user that is not jailed lead out of the jail, and /proc/PID/mem ' +
    'takes it over; /proc/sys and /proc/sysrq-trigger belong to the kernel (proc(5), hidepid; ptrace(2), "Ptrace access mode checking").',
  remedy: 'mount -o remount,ro,hidepid=2 JAIL/proc',
  look: (jail) =>
    mountsIn(jail.mounts, jail.directory)
      .filter(({ type, options }) => type === 'proc' && !isHidden(options))
      .map((mount) => ({
        path: pointIn(mount, jail.directory),
        message: 'proc is mounted here, without hidepid: all processes of the host are seen',
        // one file system in two places: the processes would be hidden on the host as well
        remedy: isShared(mount, jail.mounts, jail.directory)
          ? unmounted(mount.point)
          : commandLine('mount', '-o', 'remount,ro,hidepid=2', mount.point),
      })),
};

function isHidden(options: ReadonlySet<string>): boolean {
  return ['hidepid=2', 'hidepid=invisible', 'hidepid=4', 'hidepid=ptraceable'].some((one) =>
    options.has(one),
  );
}
