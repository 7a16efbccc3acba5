// The paths of a host that must not come into a jail, each with its reason: adopt, --bind and check ask this one list. Pure.
//
// A read-only mount stops what is written, but not connect(2), which needs no writable mount. So a path that leads to a socket of a
// manager, a bus, a login session or a container engine is barred in every way, and so is a directory above it.
import { words } from '../words/word-list.ts';

/** How a path of the host would come into a jail. */
export interface Exposure {
  /** Absolute, and without links. */
  readonly path: string;
  readonly isReadOnly: boolean;
  /** Links through which the path was named. */
  readonly links?: readonly string[];
  /** It is a block device. */
  readonly isDisk?: boolean;
}

/** A path that must not come into a jail in this way. */
export interface Danger {
  /** The path of the list: the exposed one, or one above or below it. */
  readonly path: string;
  /** The damage, as the rest of a sentence that begins with the exposed path. */
  readonly how: string;
  /** Whether it would do no harm if it could only be read. */
  readonly isForReading: boolean;
  /** The way to do without it. */
  readonly instead: string;
}

interface Row {
  readonly paths: readonly string[];
  /** The rest of a sentence that begins with the path. */
  readonly how: string;
  /** It does no harm if it can only be read. */
  readonly isForReading?: true;
  /** Paths below that do no harm. */
  readonly harmless?: RegExp;
  /** Paths below that do no harm if they can only be read. */
  readonly readable?: RegExp;
  readonly instead?: string;
}

const oneByOne = 'bind what the program needs there, one by one';

// In the order in which they are asked: those that are barred in every way come first.
const rows: readonly Row[] = [
  { paths: ['/'], how: 'is the whole host', harmless: /^\/./, instead: oneByOne },
  {
    paths: ['/dev'],
    how: 'has every disk and terminal of the host',
    harmless: /^\/dev\/(?!tty\d|vcs|console$)./,
    instead: '--dev /dev gives the program the usual devices and terminals',
  },
  {
    paths: ['/run/systemd'],
    how: 'leads to the service manager, which starts programs as root of the host',
    // a service speaks for itself there (systemd.service(5), NotifyAccess=), and everybody may write to the log
    harmless: /^\/run\/systemd\/(?:notify|journal\/(?:dev-log|socket|stdout)|inaccessible(?:\/.*)?)$/,
    // units, the resolver
    readable: /^\/run\/systemd\/(?:system|resolve)(?:\/|$)/,
    instead: '--notify and --syslog of uchroot --unit give a service the sockets that do no harm',
  },
  { paths: ['/run/dbus'], how: 'leads to the bus of the system, and by it to the service manager' },
  {
    paths: words('/run/initctl /run/openrc /run/runit /run/runsvdir /run/s6 /run/s6-rc /run/service'),
    how: 'leads to the init system, which starts programs as root of the host',
  },
  {
    paths: ['/run/user'],
    how: 'leads to login sessions: their service managers, buses and keys',
  },
  {
    paths: words('/dev/pts /dev/input /dev/uinput /run/screen /tmp/.X11-unix'),
    how: 'leads to the terminals and keyboards of login sessions',
    instead: '--dev /dev gives the program terminals of its own',
  },
  {
    paths: words(`
      /run/docker.sock /run/docker /run/containerd /run/podman /run/crio /run/cri-dockerd.sock /run/dockershim.sock
      /run/buildkit /run/k3s /run/balena-engine.sock /run/lxd.socket /run/lxd /run/incus /run/libvirt /run/xenstored
      /var/lib/lxd/unix.socket /var/lib/incus/unix.socket /var/snap/lxd /var/lib/kubelet
    `),
    how: 'leads to a container engine, which starts programs as root of the host',
  },
  {
    paths: words('/run/snapd.socket /run/snapd-snap.socket'),
    how: 'leads to snapd, which installs programs as root of the host',
  },
  {
    paths: ['/run/udev'],
    how: 'leads to udev, whose rules start programs as root of the host',
    readable: /^\/run\/udev\/(?:data|links|tags)(?:\/|$)/,
  },
  {
    paths: ['/var/lib/systemd'],
    how: 'has the state of the service manager, and the key of its credentials',
  },
  {
    paths: ['/run/credentials'],
    how: 'has the secrets of all services',
    harmless: /^\/run\/credentials\/[^/]/,
  },
  {
    paths: ['/proc'],
    how: 'shows every process of the host, and leads out by the root directory of one of the same user',
    readable: /^\/proc\/(?!\d|self(?:\/|$)|thread-self(?:\/|$))./,
    instead: '--proc /proc shows the program its own processes',
  },
  {
    paths: words('/dev/mem /dev/kmem /dev/port'),
    how: 'is the memory of the host',
  },
  {
    paths: words('/dev/block /dev/disk /dev/mapper /dev/bsg'),
    how: 'has disks of the host',
  },
  { paths: ['/sys'], how: 'sets the kernel of the host', isForReading: true },
  { paths: ['/etc'], how: 'decides who logs in, and what root of the host starts', isForReading: true },
  {
    paths: words('/usr /bin /sbin /lib /lib32 /lib64 /libx32 /boot /efi'),
    how: 'has programs that root of the host starts',
    isForReading: true,
  },
  {
    paths: ['/root'],
    how: "has what root's next shell runs, and the keys that log in as root",
    isForReading: true,
  },
  {
    paths: words('/var/spool/cron /var/spool/at /var/spool/anacron'),
    how: 'has commands that the host starts later, as root too',
    isForReading: true,
  },
  {
    paths: words('/var/lib/dpkg /var/lib/apt /var/lib/rpm /var/lib/pacman /var/lib/snapd /var/lib/flatpak'),
    how: 'has scripts that root of the host runs with the next change of a package',
    isForReading: true,
  },
  {
    paths: words(`
      /run/tmpfiles.d /run/sysctl.d /run/sysusers.d /run/modprobe.d /run/modules-load.d /run/binfmt.d /run/initramfs
      /run/NetworkManager /run/polkit-1 /run/sudo /var/lib/polkit-1 /var/lib/sudo
    `),
    how: 'has rules by which root of the host starts programs',
    isForReading: true,
  },
  {
    paths: words('/var/lib/docker /var/lib/containerd /var/lib/containers /var/lib/lxc /var/lib/machines'),
    how: 'has the files of containers',
    isForReading: true,
  },
  {
    paths: ['/var/lib/uchroot'],
    how: 'has the jails of adopted services, and launchers that root of the host starts',
    isForReading: true,
  },
  { paths: words('/run/log /var/log/journal'), how: 'has the journal of the host', isForReading: true },
  {
    paths: words('/var/lib/private /var/cache/private /var/log/private'),
    how: 'has the data of all services with DynamicUser=',
    isForReading: true,
    harmless: /^\/var\/(?:lib|cache|log)\/private\/[^/]/,
  },
];

const isIn = (path: string, directory: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory}/`);

function isHarmless({ isForReading, harmless, readable }: Row, path: string, isReadOnly: boolean): boolean {
  if (isReadOnly && (isForReading === true || readable?.test(path) === true)) return true;
  return harmless?.test(path) === true;
}

function toDanger(row: Row, listed: string, exposed: string): Danger {
  const isForReading = row.isForReading === true || row.readable?.test(exposed) === true;
  const isAbove = listed !== exposed && isIn(listed, exposed);
  const where = isAbove ? `has ${listed} in it: that ` : listed === exposed ? '' : `lies in ${listed}: that `;
  const how = `${where}${row.how}${isForReading ? ', and the program could write there' : ''}`;
  const instead = isAbove ? oneByOne : (row.instead ?? 'leave it out');
  return {
    path: listed,
    how,
    isForReading,
    instead: isForReading ? 'let the program only read it' : instead,
  };
}

/**
 * Why a path of the host must not come into a jail in this way; undefined if it may.
 *
 * @param isThere whether a path of the list exists: one that does not is no reason against a directory above it
 */
export function dangerOf(
  { path, isReadOnly, links = [], isDisk = false }: Exposure,
  isThere: (path: string) => boolean,
): Danger | undefined {
  if (isDisk) return { path, how: 'is a disk of the host', isForReading: false, instead: 'leave it out' };
  for (const row of rows) {
    // what a link of the list leads to may have another name, as the socket of a container engine of a user has
    const named = row.isForReading === true ? [path] : [path, ...links];
    for (const listed of row.paths) {
      const within = named.find((one) => isIn(one, listed) && !isHarmless(row, one, isReadOnly));
      if (within !== undefined) return toDanger(row, listed, within);
      const isAbove = isIn(listed, path) && listed !== path;
      if (isAbove && !(isReadOnly && row.isForReading === true) && isThere(listed))
        return toDanger(row, listed, path);
    }
  }
  return undefined;
}
