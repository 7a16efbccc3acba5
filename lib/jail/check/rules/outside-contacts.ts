// Rules about ways out of the jail: hard links, sockets, named pipes and mounts.

import { existsSync } from 'node:fs';

import { type Mount } from '../../../tree/mountinfo.ts';
import { type BytePath, bytePath, parentPath, pathBytes, showPath } from '../../../tree/path.ts';
import { shownPaths } from '../../../tree/shown-paths.ts';
import { native } from '../../../native.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { dangerOf } from '../../../trust/danger.ts';
import { isOrdinary } from '../../../trust/owner.ts';
import { lookOr, unless } from '../../../words/system-error.ts';
import { isShared, mountsIn, pointIn } from '../../host/mounts.ts';
import { errorRule, type Found, inGroup, type Rule, warningRule } from '../check-rule.ts';
import { kindOf } from '../checked-entry.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { fileKey } from '../processes.ts';
import { decision, hostPath, unmounted } from '../remedies.ts';

// Where sockets of the host's daemons are, for directories that are mounted in the jail: the walk does not enter those.
const PLACES: readonly BytePath[] = [
  '/run/docker.sock /run/containerd/containerd.sock /run/podman/podman.sock /run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock /run/snapd.socket /run/libvirt/libvirt-sock /run/dbus/system_bus_socket',
  '/run/systemd/private /run/systemd/notify /run/systemd/journal/socket',
  '/var/run/docker.sock /var/run/dbus/system_bus_socket /var/lib/lxd/unix.socket /dev/log',
].flatMap((paths) => paths.split(' ').map((path) => bytePath(path)));

// `uchroot --unit` mounts each of these for a service. They are safe: the service manager lets a service speak for itself only
// (systemd.service(5), NotifyAccess=), and everybody may write to the log.
const UNIT_SOCKETS: ReadonlySet<string> = new Set(['/run/systemd/notify', '/run/systemd/journal/dev-log']);

// Whether a socket of the host with this path leads to a daemon that acts for its clients outside.
const isBarred = (path: BytePath): boolean => dangerOf({ path, isReadOnly: true }, () => false) !== undefined;

// File systems by which the kernel is controlled.
const KERNEL =
  /^(?:sysfs|devtmpfs|debugfs|tracefs|securityfs|configfs|efivarfs|cgroup2?|bpf|pstore|selinuxfs|fusectl|binfmt_misc)$/;

// Single devices of the host, mounted over a node of the jail's own.
const HARMLESS: ReadonlySet<string> = new Set(['/null', '/zero', '/full', '/random', '/urandom', '/tty']);

// These are usually made for one place, and hold nothing of the host.
const PRIVATE = /^(?:tmpfs|ramfs|mqueue|devpts)$/;

const PROTECTED = ['nosuid', 'nodev'];

const HIDDEN = ['hidepid=2', 'hidepid=invisible', 'hidepid=4', 'hidepid=ptraceable'];

export const outsideContacts = inGroup('escape', [
  errorRule('outside-link', {
    summary: 'A file has a name outside of the jail as well.',
    attack:
      'What is written to it in the jail is written outside: a hard link is the file itself (link(2); protected_hardlinks in ' +
      'proc_sys_fs(5)).',
    remedy: 't=$(mktemp -p DIRECTORY) && cp -a FILE "$t" && mv -T "$t" FILE',
    *look(jail) {
      for (const file of jail.seen.namedElsewhere()) {
        const { path, nlink, met, uid, kind, isOwn } = file;
        // mail servers and locks link files, and remove one of the names, at any moment
        if (lookOr(file, () => statusAt(jail, path))?.nlink !== nlink) continue;
        // a user can make a name where no walk comes, such as very deep
        const isUnsure = isOwn && jail.seen.closed.size > 0;
        yield {
          path,
          uid,
          message: `it has ${nlink} names, ${nlink - met} of them ${isUnsure ? 'not met in' : 'outside of'} the jail`,
          remedy: kind === 'file' ? parted(hostPath(jail, path)) : decision('take one of its names away'),
          ...(isUnsure && { severity: 'warning' }),
        };
      }
    },
  }),
  errorRule('host-socket', {
    summary:
      'There is a socket of a daemon of the host, such as Docker, D-Bus or systemd, or one that root or a process outside has bound.',
    attack:
      'Root directories do not restrict connections: the daemon acts outside. docker.sock starts a container that has the ' +
      'whole host in it (docs.docker.com, "Docker daemon attack surface"; unix(7)).',
    remedy: '# stop the process that listens there, or remove the socket: rm SOCKET',
    lookAt: ({ path, kind, uid, isMounted }, jail) => {
      if (kind !== 'socket' || isOfUnit(path, jail)) return undefined;
      const message = whoseIs(path, uid, isMounted, jail);
      if (message === undefined) return undefined;
      return { message, ...(isMounted && { remedy: unmounted(hostPath(jail, path)) }) };
    },
    isQuick: true,
    *look(jail) {
      for (const path of PLACES) {
        const point = [...jail.mountPoints].find((one) => path.startsWith(`${one}/`));
        if (point === undefined || isOfUnit(path, jail) || !isSocket(jail, path)) continue;
        const message = 'it is a socket of a daemon of the host, in a directory that is mounted here';
        yield { path, message, remedy: unmounted(hostPath(jail, point)) };
      }
    },
  }),
  warningRule('host-fifo', {
    summary:
      'There is a named pipe that a process outside of the jail has open, or one that root has made and others can write to.',
    attack:
      'The process that reads it need not be jailed: /dev/initctl takes orders for init, and a reader that is root may trust ' +
      'what comes out of it (fifo(7)).',
    remedy: '# stop the process that reads it, or remove it: rm FIFO',
    lookAt: ({ path, kind, uid, mode, isMounted }, jail) => {
      if (kind !== 'fifo') return undefined;
      const holder = holderOf(jail, path);
      const isRoots = uid === 0 && !isOrdinary(jail.owner);
      if (holder === undefined && !isMounted && (!isRoots || (mode & 0o022) === 0)) return undefined;
      return {
        message: messageOf(holder, isMounted),
        ...(isMounted && { remedy: unmounted(hostPath(jail, path)) }),
      };
    },
  }),
  warningRule('proc-mount', {
    summary: 'A proc file system is mounted in the jail, and shows the processes of others.',
    attack:
      '/proc/PID/root and /proc/PID/cwd of a process of the same user that is not jailed lead out of the jail, and /proc/PID/mem ' +
      'takes it over; /proc/sys and /proc/sysrq-trigger control the kernel (proc(5), hidepid; ptrace(2)).',
    remedy: 'mount -o remount,ro,hidepid=2 JAIL/proc',
    look: eachMount((mount, { mounts, directory }) => {
      if (mount.type !== 'proc' || HIDDEN.some((option) => mount.options.has(option))) return undefined;
      return {
        message: 'proc is mounted here, without hidepid: all processes of the host are seen',
        // if the host shows the same mount, the option would apply there as well
        remedy: isShared(mount, mounts, directory)
          ? unmounted(mount.point)
          : commandLine('mount', '-o', 'remount,ro,hidepid=2', mount.point),
      };
    }),
  }),
  errorRule('kernel-mount', {
    summary:
      'A file system of the kernel is mounted in the jail: sysfs, devtmpfs, cgroup, debugfs or the like.',
    attack:
      'release_agent of a cgroup and /sys/kernel/uevent_helper start programs outside (CVE-2022-0492), devtmpfs has every ' +
      'disk, and debugfs and tracefs tell what the kernel does (sysfs(5), cgroups(7)).',
    remedy: 'mount --make-rprivate MOUNT-POINT && umount -R MOUNT-POINT',
    isQuick: true,
    look: eachMount(({ type, root }) =>
      KERNEL.test(type) && !(type === 'devtmpfs' && HARMLESS.has(root))
        ? { message: `${type} of the kernel is mounted here` }
        : undefined,
    ),
  }),
  errorRule('host-path', {
    summary:
      'A path of the host is mounted in the jail that leads to its service manager, a bus, a login session or a container engine, ' +
      'or that decides what root starts outside.',
    attack:
      'connect(2) needs no mount that can be written: who reaches such a socket has programs started outside of the jail. What is ' +
      'written to /etc, or to a spool of cron(8), is done outside (doc/isolation.md, "Paths that never enter a jail").',
    remedy: 'mount --make-rprivate MOUNT-POINT && umount -R MOUNT-POINT',
    isQuick: true,
    look: eachMount(hostPathIn),
  }),
  warningRule('bind-mount', {
    summary:
      'A part of the host is mounted in the jail and can be written, or a mounted file system allows set-user-ID programs or devices.',
    attack:
      'What is written to it is written on the host, and what is put there outside appears in the jail, set-user-ID bits and ' +
      'devices included (mount(8), "Bind mount operation"; nosuid, nodev). Its content is not checked.',
    remedy: 'mount -o remount,bind,ro,nosuid,nodev MOUNT-POINT',
    look: eachMount(faultOf),
  }),
]);

// A copy replaces one of the names; other files beside it are not touched.
function parted(at: BytePath): string {
  const temporary = `t=$(${commandLine('mktemp', '-p', parentPath(at))})`;
  return `${temporary} && ${commandLine('cp', '-a', at)} "$t" && mv -T "$t" ${commandLine(at)}`;
}

function isOfUnit(path: BytePath, { mountPoints }: CheckedJail): boolean {
  return UNIT_SOCKETS.has(path) && mountPoints.has(path);
}

// A service of the jail binds its own sockets as the user that it runs as: in a jail of an ordinary user, that is its owner.
function whoseIs(path: BytePath, uid: number, isMounted: boolean, jail: CheckedJail): string | undefined {
  if (isMounted) return 'it is a socket of the host, mounted here';
  if (uid === 0 && !isOrdinary(jail.owner))
    return isBarred(path) ? 'it has the name of a socket of the host' : 'root has bound it';
  const holder = holderOf(jail, path);
  return holder && `${holder}, outside of the jail, has bound it`;
}

/** The process outside that holds a named pipe or socket. */
function holderOf(jail: CheckedJail, path: BytePath): string | undefined {
  const status = lookOr(undefined, () => statusAt(jail, path));
  return status && jail.heldOutside().get(fileKey(status));
}

/** @throws system errors, but not if nothing is there */
function statusAt({ root }: CheckedJail, path: BytePath) {
  return unless(['ENOENT', 'ENOTDIR'], () => native.inRootLstat(root.fd, pathBytes(path)));
}

function isSocket(jail: CheckedJail, path: BytePath): boolean {
  const status = lookOr(undefined, () => statusAt(jail, path));
  return status !== undefined && kindOf(status.mode) === 'socket';
}

function messageOf(holder: string | undefined, isMounted: boolean): string {
  if (isMounted) return 'it is a named pipe of the host, mounted here';
  if (holder !== undefined) return `${holder}, outside of the jail, has this named pipe open`;
  return 'root has made this named pipe, and others can write to it';
}

/** Looks at each mount in the jail. */
function eachMount(
  lookAt: (mount: Mount, jail: CheckedJail) => Found | undefined,
): NonNullable<Rule['look']> {
  return (jail) =>
    mountsIn(jail.mounts, jail.directory).flatMap((mount) => {
      const found = lookAt(mount, jail);
      return found === undefined ? [] : [{ ...found, path: pointIn(mount, jail.directory) }];
    });
}

function hostPathIn({ type, options, point }: Mount, { mounts }: CheckedJail): Found | undefined {
  if (KERNEL.test(type) || type === 'proc') return undefined; // they have rules of their own
  for (const { path, point: inner } of shownPaths(point, mounts)) {
    if (inner !== undefined) continue; // a mount of its own
    const danger = dangerOf({ path, isReadOnly: options.has('ro') }, existsSync);
    if (danger !== undefined)
      return { message: `${showPath(path)} of the host is mounted here: it ${danger.how}` };
  }
  return undefined;
}

function faultOf(mount: Mount, jail: CheckedJail): Found | undefined {
  const { mounts, directory } = jail;
  const { type, root, point } = mount;
  if (KERNEL.test(type) || type === 'proc' || hostPathIn(mount, jail) !== undefined) return undefined;
  const isOfHost = isShared(mount, mounts, directory);
  if (!isOfHost && PRIVATE.test(type)) return undefined;
  const wanted = isOfHost ? ['ro', ...PROTECTED] : PROTECTED;
  const lacking = wanted.filter((option) => !mount.options.has(option));
  if (lacking.length === 0) return undefined;
  const what = isOfHost ? `${showPath(root)} of a ${type} file system of the host` : `a ${type} file system`;
  const remedy = remount(wanted, point);
  return {
    message: `${what} is mounted here without ${lacking.join(', ')}`,
    // a service may have to write there
    remedy: lacking.includes('ro')
      ? decision(`if nobody has to write there: ${remedy}; else ${remount(PROTECTED, point)}, and ignore it`)
      : remedy,
  };
}

function remount(options: readonly string[], point: Mount['point']): string {
  return commandLine('mount', '-o', `remount,bind,${options.join(',')}`, point);
}
