// Rules about objects that lead out of the jail: hard links, sockets and named pipes.

import { constants } from 'node:fs';

import { type BytePath, bytePath, parentPath, pathBytes } from '../../../binary/path.ts';
import { native } from '../../../native.ts';
import type { Mount } from '../../host/mounts.ts';
import { mountsIn, pointIn } from '../../host/mounts.ts';
import { lookOr } from '../../work/jail-error.ts';
import { type Found, inGroup } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { commandLine, decision, hostPath, unmounted } from '../remedies.ts';

// Whoever may talk to one of these daemons is root, or nearly so.
const DAEMONS =
  /\/(?:docker|containerd|podman|crio|buildkitd|dockershim|snapd|snapd-snap|libvirt-sock|lxd\/unix)(?:\.sock(?:et)?)?$|\/system_bus_socket$|\/io\.systemd\.[^/]*$|^\/run\/systemd\/|^\/dev\/log$|\/\.X11-unix\/X\d+$/;

// Where their sockets are, for directories of the host that are mounted in the jail: the walk does not enter those.
const PLACES: readonly BytePath[] = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock',
  '/run/snapd.socket',
  '/run/libvirt/libvirt-sock',
  '/run/dbus/system_bus_socket',
  '/run/systemd/private',
  '/run/systemd/notify',
  '/run/systemd/journal/socket',
  '/var/run/docker.sock',
  '/var/run/dbus/system_bus_socket',
  '/var/lib/lxd/unix.socket',
  '/dev/log',
].map((path) => bytePath(path));

// `uchroot --unit` mounts each of these for a service. They are safe: the service manager lets a service speak for itself only
// (systemd.service(5), NotifyAccess=), and everybody may write to the log.
const UNIT_SOCKETS: ReadonlySet<string> = new Set(['/run/systemd/notify', '/run/systemd/journal/dev-log']);

export const outsideContacts = inGroup('escape', [
  {
    id: 'outside-link',
    severity: 'error',
    summary: 'A file has a name outside of the jail as well.',
    attack:
      'What is written to it in the jail is written outside: a hard link is the file itself, with its content, owner and ' +
      'mode, and a root directory does not separate them (link(2); protected_hardlinks in proc_sys_fs(5)).',
    remedy: 't=$(mktemp -p DIRECTORY) && cp -a FILE "$t" && mv -T "$t" FILE',
    look: function* look(jail): Generator<Found> {
      for (const { path, nlink, met, uid, kind, isOwn } of jail.seen.namedElsewhere())
        yield {
          path,
          uid,
          message: `it has ${nlink} names, ${nlink - met} of them outside of the jail`,
          remedy: kind === 'file' ? parted(hostPath(jail, path)) : decision('take one of its names away'),
          // the file outside belongs to the same user
          ...(isOwn && { severity: 'warning' }),
        };
    },
  },
  {
    id: 'host-socket',
    severity: 'error',
    summary:
      'There is a socket of a daemon of the host, such as Docker, D-Bus or systemd, or one that root or a process outside has bound.',
    attack:
      'Root directories do not restrict connections: the daemon acts outside. docker.sock starts a container that has the ' +
      'whole host in it (docs.docker.com, "Docker daemon attack surface"); unix(7), "Pathname socket ownership and permissions".',
    remedy: '# stop the process that listens there, or remove the socket: rm SOCKET',
    lookAt: ({ path, kind, uid, isMounted }, jail) => {
      if (kind !== 'socket' || isOfUnit(path, mountsIn(jail.mounts, jail.directory), jail)) return undefined;
      const what = whoseIs(path, uid, isMounted, jail);
      if (what === undefined) return undefined;
      const at = hostPath(jail, path);
      return {
        path,
        message: `${what}: the process that listens there is not jailed`,
        remedy: isMounted
          ? unmounted(at)
          : decision(`stop the process that listens there, or remove the socket: ${commandLine('rm', at)}`),
      };
    },
    isQuick: true,
    look: function* look(jail): Generator<Found> {
      const mounts = mountsIn(jail.mounts, jail.directory);
      for (const path of PLACES) {
        const mount = mounts.find((one) => path.startsWith(`${pointIn(one, jail.directory)}/`));
        if (mount === undefined || isOfUnit(path, mounts, jail) || !isSocket(jail, path)) continue;
        yield {
          path,
          message: 'it is a socket of a daemon of the host, in a directory that is mounted here',
          remedy: unmounted(mount.point),
        };
      }
    },
  },
  {
    id: 'host-fifo',
    severity: 'warning',
    summary:
      'There is a named pipe that a process outside of the jail has open, or one that root has made and others can write to.',
    attack:
      'The process that reads it need not be jailed: /dev/initctl takes orders for init, and a reader that is root may trust ' +
      'what comes out of it (fifo(7)).',
    remedy: '# stop the process that reads it, or remove it: rm FIFO',
    lookAt: ({ path, kind, uid, mode, isMounted }, jail) => {
      if (kind !== 'fifo') return undefined;
      const at = hostPath(jail, path);
      const holder = jail.pipesOutside().get(at);
      if (holder === undefined && !isMounted && (uid !== 0 || (mode & 0o022) === 0)) return undefined;
      return {
        path,
        message: messageOf(holder, isMounted),
        remedy: isMounted
          ? unmounted(at)
          : decision(`stop the process that reads it, or remove it: ${commandLine('rm', at)}`),
      };
    },
  },
]);

// A copy replaces one of the names; other files beside it are not touched.
function parted(at: BytePath): string {
  const temporary = `t=$(${commandLine('mktemp', '-p', parentPath(at))})`;
  return `${temporary} && ${commandLine('cp', '-a', at)} "$t" && mv -T "$t" ${commandLine(at)}`;
}

function isOfUnit(path: BytePath, mounts: readonly Mount[], { directory }: CheckedJail): boolean {
  return UNIT_SOCKETS.has(path) && mounts.some((one) => pointIn(one, directory) === path);
}

// A service of the jail binds its own sockets as the user that it runs as.
function whoseIs(path: BytePath, uid: number, isMounted: boolean, jail: CheckedJail): string | undefined {
  if (isMounted) return 'it is a socket of the host, mounted here';
  if (uid === 0) return DAEMONS.test(path) ? 'it has the name of a socket of the host' : 'root has bound it';
  const isBoundOutside = jail.boundOutside().has(hostPath(jail, path));
  return isBoundOutside ? 'a process outside of the jail has bound it' : undefined;
}

function isSocket({ root }: CheckedJail, path: BytePath): boolean {
  const status = lookOr(undefined, () => native.inRootLstat(root.fd, pathBytes(path)));
  return status !== undefined && (status.mode & constants.S_IFMT) === constants.S_IFSOCK;
}

function messageOf(holder: string | undefined, isMounted: boolean): string {
  if (isMounted) return 'it is a named pipe of the host, mounted here';
  if (holder !== undefined) return `${holder}, outside of the jail, has this named pipe open`;
  return 'root has made this named pipe, and others can write to it';
}
