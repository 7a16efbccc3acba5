// Sockets that lead to daemons of the host.

import { constants } from 'node:fs';

import { type BytePath, bytePath, pathBytes } from '../../../binary/path.ts';
import { errorCode } from '../../../binary/root.ts';
import { type InRootStatus, native } from '../../../native.ts';
import { type Mount, mountsIn, pointIn } from '../../host/mounts.ts';
import { commandLine, decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import { unmounted } from '../remedy.ts';
import { hostPath, type Rule } from '../rule.ts';

// Whoever may talk to one of these is root, or nearly so.
const DAEMONS =
  /\/(?:docker|containerd|podman|crio|buildkitd|dockershim|snapd|snapd-snap|libvirt-sock|lxd\/unix)(?:\.sock(?:et)?)?$|\/system_bus_socket$|\/io\.systemd\.[^/]*$|^\/run\/systemd\/|^\/dev\/log$|\/\.X11-unix\/X\d+$/;

// Where they are, for directories of the host that are mounted in the jail: the walk does not enter those.
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

// What `uchroot --unit` mounts for a service, each by itself: the service manager listens to a service about that service
// only (systemd.service(5), NotifyAccess=), and the log to everybody.
const UNIT_SOCKETS: ReadonlySet<string> = new Set(['/run/systemd/notify', '/run/systemd/journal/dev-log']);

export const hostSocket: Rule = {
  id: 'host-socket',
  group: 'escape',
  severity: 'error',
  summary:
    'There is a socket of a daemon of the host, such as Docker, D-Bus or systemd, or one that root or a process outside has bound.',
  attack:
    'A connection does not care for root directories: the daemon acts outside. docker.sock starts a container that has the ' +
    'whole host in it (docs.docker.com, "Docker daemon attack surface"); unix(7), "Pathname socket ownership and permissions".',
  remedy: '# stop who listens there, or take the socket away: rm SOCKET',
  lookAt: ({ path, kind, uid, isMounted }, jail) => {
    if (kind !== 'socket' || isOfUnit(path, mountsIn(jail.mounts, jail.directory), jail)) return undefined;
    const what = whoseIs(path, uid, isMounted, jail);
    if (what === undefined) return undefined;
    return {
      path,
      message: `${what}: who listens there is not jailed`,
      remedy: isMounted
        ? unmounted(hostPath(jail, path))
        : decision(
            `stop who listens there, or take the socket away: ${commandLine('rm', hostPath(jail, path))}`,
          ),
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
};

function isOfUnit(path: BytePath, mounts: readonly Mount[], { directory }: CheckedJail): boolean {
  return UNIT_SOCKETS.has(path) && mounts.some((one) => pointIn(one, directory) === path);
}

// A service of the jail binds its own there, as the user that it runs as.
function whoseIs(path: BytePath, uid: number, isMounted: boolean, jail: CheckedJail): string | undefined {
  if (isMounted) return 'it is a socket of the host, mounted here';
  if (uid === 0) return DAEMONS.test(path) ? 'it has the name of a socket of the host' : 'root has bound it';
  return jail.boundOutside().has(hostPath(jail, path))
    ? 'a process outside of the jail has bound it'
    : undefined;
}

const TYPE_BITS = 0o170000; // inode(7)

function isSocket({ root }: CheckedJail, path: BytePath): boolean {
  let status: InRootStatus;
  try {
    status = native.inRootLstat(root.fd, pathBytes(path));
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
  return (status.mode & TYPE_BITS) === constants.S_IFSOCK;
}
