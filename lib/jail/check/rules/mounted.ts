// Rules about what is mounted in the jail.

import { showPath } from '../../../binary/path.ts';
import type { Mount } from '../../host/mounts.ts';
import { isShared, mountsIn, pointIn } from '../../host/mounts.ts';
import { type Found, inGroup } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { commandLine, decision, unmounted } from '../remedies.ts';

// File systems by which the kernel is controlled.
const KERNEL =
  /^(?:sysfs|devtmpfs|debugfs|tracefs|securityfs|configfs|efivarfs|cgroup2?|bpf|pstore|selinuxfs|fusectl|binfmt_misc)$/;

// Single devices of the host, mounted over a node of the jail's own.
const HARMLESS: ReadonlySet<string> = new Set(['/null', '/zero', '/full', '/random', '/urandom', '/tty']);

// These are usually made for one place, and hold nothing of the host.
const PRIVATE = /^(?:tmpfs|ramfs|mqueue|devpts)$/;

const PROTECTED = ['nosuid', 'nodev'];

const HIDDEN = ['hidepid=2', 'hidepid=invisible', 'hidepid=4', 'hidepid=ptraceable'];

export const mounted = inGroup('escape', [
  {
    id: 'proc-mount',
    severity: 'warning',
    summary: 'A proc file system is mounted in the jail, and shows the processes of others.',
    attack:
      '/proc/PID/root and /proc/PID/cwd of a process of the same user that is not jailed lead out of the jail, and /proc/PID/mem ' +
      'takes it over; /proc/sys and /proc/sysrq-trigger control the kernel (proc(5), hidepid; ptrace(2), "Ptrace access mode checking").',
    remedy: 'mount -o remount,ro,hidepid=2 JAIL/proc',
    look: (jail) =>
      mountsIn(jail.mounts, jail.directory)
        .filter(({ type, options }) => type === 'proc' && !HIDDEN.some((option) => options.has(option)))
        .map((mount) => ({
          path: pointIn(mount, jail.directory),
          message: 'proc is mounted here, without hidepid: all processes of the host are seen',
          // if the host shows the same mount, the option would apply there as well
          remedy: isShared(mount, jail.mounts, jail.directory)
            ? unmounted(mount.point)
            : commandLine('mount', '-o', 'remount,ro,hidepid=2', mount.point),
        })),
  },
  {
    id: 'kernel-mount',
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
  },
  {
    id: 'bind-mount',
    severity: 'warning',
    summary:
      'A part of the host is mounted in the jail and can be written, or a mounted file system allows set-user-ID programs or devices.',
    attack:
      'What is written to it is written on the host, and what is put there outside appears in the jail, set-user-ID bits and ' +
      'devices included (mount(8), "Bind mount operation"; nosuid, nodev). Its content is not checked.',
    remedy: 'mount -o remount,bind,ro,nosuid,nodev MOUNT-POINT',
    look: (jail) => mountsIn(jail.mounts, jail.directory).flatMap((mount) => faultOf(mount, jail)),
  },
]);

function faultOf(mount: Mount, { mounts, directory }: CheckedJail): readonly Found[] {
  const { type, root, point } = mount;
  if (KERNEL.test(type) || type === 'proc') return [];
  const isOfHost = isShared(mount, mounts, directory);
  if (!isOfHost && PRIVATE.test(type)) return [];
  const wanted = isOfHost ? ['ro', ...PROTECTED] : PROTECTED;
  const lacking = wanted.filter((option) => !mount.options.has(option));
  if (lacking.length === 0) return [];
  const what = isOfHost ? `${showPath(root)} of a ${type} file system of the host` : `a ${type} file system`;
  return [
    {
      path: pointIn(mount, directory),
      message: `${what} is mounted here without ${lacking.join(', ')}`,
      // a service may have to write there
      remedy: lacking.includes('ro')
        ? decision(
            `if nobody has to write there: ${remount(wanted, point)}; else ${remount(PROTECTED, point)}, and ignore it`,
          )
        : remount(wanted, point),
    },
  ];
}

function remount(options: readonly string[], point: Mount['point']): string {
  return commandLine('mount', '-o', `remount,bind,${options.join(',')}`, point);
}
