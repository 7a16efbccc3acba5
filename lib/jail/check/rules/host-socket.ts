// Sockets that lead to daemons of the host.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

// Whoever may talk to one of these is root, or nearly so.
const DAEMONS =
  /\/(?:docker|containerd|podman|crio|buildkitd|dockershim|snapd|snapd-snap|libvirt-sock|lxd\/unix)(?:\.sock(?:et)?)?$|\/system_bus_socket$|\/io\.systemd\.[^/]*$|^\/run\/systemd\/|^\/dev\/log$|\/\.X11-unix\/X\d+$/;

export const hostSocket: Rule = {
  id: 'host-socket',
  group: 'escape',
  severity: 'error',
  summary:
    'There is a socket of a daemon of the host, such as Docker, D-Bus or systemd, or one that root has bound.',
  attack:
    'A connection does not care for root directories: the daemon acts outside. docker.sock starts a container that has the ' +
    'whole host in it (docs.docker.com, "Docker daemon attack surface"); unix(7), "Pathname socket ownership and permissions".',
  remedy: 'rm SOCKET',
  lookAt: ({ path, kind, uid, isMounted }, jail) => {
    if (kind !== 'socket') return undefined;
    const isKnown = DAEMONS.test(path);
    // a service of the jail binds its own as the user that it runs as
    if (!isKnown && !isMounted && uid !== 0) return undefined;
    const what = isKnown ? 'it has the name of a socket of the host' : 'root has bound it';
    return {
      path,
      message: isMounted
        ? 'it is a socket of the host, mounted here'
        : `${what}: who listens there is not jailed`,
      remedy: commandLine(isMounted ? 'umount' : 'rm', hostPath(jail, path)),
    };
  },
};
