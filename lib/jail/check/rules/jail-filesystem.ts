// Rules about the file systems that the jail lies on.

import { readFileSync } from 'node:fs';

import { type BytePath, bytePath, showPath, trimSlashes } from '../../../binary/path.ts';
import { openFileRoot } from '../../../binary/root.ts';
import type { Mount } from '../../host/mounts.ts';
import { mountOf, mountsIn } from '../../host/mounts.ts';
import { lookOr } from '../../work/jail-error.ts';
import type { Rule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { decision, remounted } from '../remedies.ts';
import { looseOn } from '../writable-parent.ts';

export const pathMount: Rule = {
  id: 'path-mount',
  group: 'path',
  severity: 'error',
  summary:
    'The jail, a directory on the way to it, or something in it lies on a file system whose content is controlled by somebody other than root of this host.',
  attack:
    'Whoever can write the image of a loop device or a layer of an overlay can change what lies in it, whatever the owners and ' +
    'modes are. The owner of a FUSE mount answers every read himself, differently each time (mount.fuse(8)); the server of a ' +
    'network file system decides about owners and set-user-ID bits (nfs(5), nosuid). No check of it holds.',
  remedy: '# move the jail to a file system of this host',
  isQuick: true,
  look: (jail) => {
    const mounts = jail.components.map(({ path }) => mountOf(jail.mounts, trimSlashes(bytePath(path))));
    const onWay = new Set(
      [...mounts, mountOf(jail.mounts, jail.directory)].filter((mount) => mount !== undefined),
    );
    const within = mountsIn(jail.mounts, jail.directory);
    return [...new Set([...onWay, ...within])].flatMap((mount) => {
      // bind-mount finds a network file system that is mounted in the jail
      const whose = (onWay.has(mount) ? ownerOf(mount) : undefined) ?? holderOf(mount, jail);
      if (whose === undefined) return [];
      const how = onWay.has(mount) ? 'the jail lies on, or is reached by way of,' : 'in the jail is mounted';
      return [
        {
          path: mount.point,
          message: `${how} ${whose}`,
          remedy: decision(
            'move the jail to a file system of this host, and check that it is what was built',
          ),
        },
      ];
    });
  },
};

interface WrongOption {
  readonly id: string;
  readonly severity: Rule['severity'];
  readonly summary: string;
  readonly attack: string;
  /** The mount option that is wrong, and the one that sets it right. */
  readonly option: string;
  readonly opposite: string;
  /** What it concerns; undefined if the option does no harm here. */
  readonly concerns: (jail: CheckedJail) => BytePath | undefined;
  readonly message: string;
}

const WRONG_OPTIONS: readonly WrongOption[] = [
  {
    id: 'mount-noexec',
    severity: 'error',
    summary: 'The file system of the jail is mounted noexec, so that none of its programs can be started.',
    attack:
      'None: execve(2) fails with EACCES. But noexec does not stop anybody who starts programs through ld.so (mount(8)).',
    option: 'noexec',
    opposite: 'exec',
    concerns: () => bytePath('/'),
    message: 'its file system is mounted noexec: no program can be started',
  },
  {
    id: 'mount-nodev',
    severity: 'warning',
    summary:
      'The manifest of the jail has devices, but its file system is mounted nodev, so that they cannot be opened.',
    attack:
      'None: open(2) of /dev/null or /dev/urandom fails with EACCES, and programs that need randomness may go on without it.',
    option: 'nodev',
    opposite: 'dev',
    concerns: ({ manifest }) => manifest?.entries.find(({ kind }) => kind === 'device')?.path,
    message: 'its file system is mounted nodev: it cannot be opened, nor can other devices',
  },
  {
    id: 'mount-nosuid',
    severity: 'note',
    summary:
      'A program was built to keep its privileges, but the file system of the jail is mounted nosuid, so that it has none.',
    attack:
      'None: set-user-ID, set-group-ID and file capabilities are ignored (mount(8), nosuid), and the program does less than it should.',
    option: 'nosuid',
    opposite: 'suid',
    concerns: ({ manifest }) => manifest?.entries.find(({ keepPrivileges }) => keepPrivileges === true)?.path,
    message: 'its file system is mounted nosuid: the privileges that were kept for it have no effect',
  },
];

export const jailFilesystem: readonly Rule[] = [pathMount, ...WRONG_OPTIONS.map(toRule)];

function toRule({ option, opposite, concerns, message, ...words }: WrongOption): Rule {
  return {
    ...words,
    group: 'path',
    remedy: `mount -o remount,${opposite} MOUNT-POINT`,
    isQuick: true,
    look: (jail) => {
      const mount = mountOf(jail.mounts, jail.directory);
      const path = mount?.options.has(option) === true ? concerns(jail) : undefined;
      if (mount === undefined || path === undefined) return [];
      return [{ path, message, remedy: remounted(mount, opposite, jail) }];
    },
  };
}

/** Who can write the image of a file system, or a layer of it. */
function holderOf(mount: Mount, { users }: CheckedJail): string | undefined {
  // the paths of the root mount were those of a container's host, or of an initramfs
  const backing = mount.point === '/' ? [] : backingOf(mount);
  if (backing.length === 0) return undefined;
  const host = openFileRoot('/');
  try {
    for (const path of backing) {
      const loose = looseOn(host, path, users);
      if (loose !== undefined)
        return `a file system (${mount.type}) that is made of ${showPath(path)}; of ${showPath(loose.path)}: ${loose.how}`;
    }
    return undefined;
  } finally {
    host.close();
  }
}

const NETWORK = /^(?:nfs4?|cifs|smb3|9p|afs|ceph|glusterfs|ncpfs|virtiofs|coda|lustre)$/;

/** Who controls the content of a file system, in words; undefined if root of this host does. */
export function ownerOf({ type, options }: Pick<Mount, 'type' | 'options'>): string | undefined {
  if (NETWORK.test(type)) return `a network file system (${type})`;
  if (!/^fuse(?:\.|$)/.test(type)) return undefined; // only root can mount fuseblk
  const uid = [...options].find((option) => option.startsWith('user_id='))?.slice('user_id='.length);
  return uid === undefined || uid === '0' ? undefined : `a FUSE file system (${type}) of uid ${Number(uid)}`;
}

/** The paths of the host that a file system is made of: the file of a loop device, or the directories of an overlay. */
function backingOf(mount: Mount): readonly BytePath[] {
  return mount.type === 'overlay' ? layersOf(mount.options) : imageOf(mount);
}

/** The directories of an overlay by its mount options, in which `\:` is a colon of a path (Documentation/filesystems/overlayfs.rst). */
export function layersOf(options: ReadonlySet<string>): readonly BytePath[] {
  return [...options].flatMap((option) => {
    const layers = /^(?:lowerdir\+?|upperdir|datadir\+?)=(.*)$/.exec(unescape(option))?.[1];
    if (layers === undefined) return [];
    return layers
      .split(/(?<!\\):/)
      .map((layer) => layer.replaceAll('\\:', ':') as BytePath)
      .filter((layer) => layer.startsWith('/'));
  });
}

function unescape(option: string): string {
  return option.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  );
}

// if a file system has several devices, its source does not tell whether one of them is a loop device
function imageOf({ source, device }: Mount): readonly BytePath[] {
  const name = /^\/dev\/(loop\d+)(?:p\d+)?$/.exec(source)?.[1];
  const place = name === undefined ? `dev/block/${device}` : `block/${name}`;
  if (name === undefined && !device.startsWith('7:')) return [];
  // undefined if /sys belongs to another namespace, or the device is gone
  const content = lookOr(undefined, () => readFileSync(`/sys/${place}/loop/backing_file`));
  const file = content && bytePath(content).trimEnd();
  return file === undefined || file.endsWith(' (deleted)') ? [] : [file as BytePath];
}
