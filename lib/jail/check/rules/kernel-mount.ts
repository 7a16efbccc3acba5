// File systems in the jail by which the kernel of the host is steered.

import { mountsIn, pointIn } from '../../host/mounts.ts';
import { unmounted } from '../remedy.ts';
import type { Rule } from '../rule.ts';

/** Types of file systems by which the kernel is steered. */
export const KERNEL: RegExp =
  /^(?:sysfs|devtmpfs|debugfs|tracefs|securityfs|configfs|efivarfs|cgroup2?|bpf|pstore|selinuxfs|fusectl|binfmt_misc)$/;

// Single devices of the host, in the place of a node of the jail's own.
const HARMLESS: ReadonlySet<string> = new Set(['/null', '/zero', '/full', '/random', '/urandom', '/tty']);

export const kernelMount: Rule = {
  id: 'kernel-mount',
  group: 'escape',
  severity: 'error',
  summary:
    'A file system of the kernel is mounted in the jail: sysfs, devtmpfs, cgroup, debugfs or the like.',
  attack:
    'release_agent of a cgroup and /sys/kernel/uevent_helper start programs outside (CVE-2022-0492), devtmpfs has every ' +
    'disk, and debugfs and tracefs tell what the kernel does (sysfs(5), cgroups(7)).',
  remedy: 'mount --make-rprivate MOUNT-POINT && umount -R MOUNT-POINT',
  isQuick: true,
  look: (jail) =>
    mountsIn(jail.mounts, jail.directory)
      .filter(({ type, root }) => KERNEL.test(type) && !(type === 'devtmpfs' && HARMLESS.has(root)))
      .map((mount) => ({
        path: pointIn(mount, jail.directory),
        message: `${mount.type} of the kernel is mounted here`,
        remedy: unmounted(mount.point),
      })),
};
