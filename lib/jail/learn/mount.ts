// The file systems of the host, and which of them a scratch copy has to show. Pure.

import { type BytePath, toLatin1 } from '../../binary/path.ts';

/** A line of mountinfo. */
export interface Mount {
  readonly id: number;
  readonly path: BytePath;
  readonly type: string;
  /** Of this mount, not of its file system: `ro`, `noexec`. */
  readonly options: readonly string[];
}

/** Reads /proc/PID/mountinfo; a line of another form is left out. See proc_pid_mountinfo(5). */
export function readMounts(mountinfo: Uint8Array): readonly Mount[] {
  return toLatin1(mountinfo)
    .split('\n')
    .flatMap((line) => {
      const [own = '', superblock = ''] = line.split(' - ');
      const [id, , , , path, options] = own.split(' ');
      const [type] = superblock.split(' ');
      if (path === undefined || options === undefined || !type || !/^\d+$/.test(id ?? '')) return [];
      return [{ id: Number(id), path: unescape(path), type, options: options.split(',') }];
    });
}

// Blank, tab, newline and backslash (and # in some versions) are in octal.
function unescape(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  ) as BytePath;
}

/**
 * File systems without files of anybody's. A copy has a new /proc, /sys and /dev; what may be mounted below them, such as
 * control groups, could change the host by being written to, and a jail has none of it.
 */
const KERNEL_TYPES = new Set(
  [
    'proc sysfs devtmpfs devpts mqueue hugetlbfs cgroup cgroup2 securityfs selinuxfs smackfs debugfs tracefs',
    'pstore bpf configfs fusectl efivarfs binfmt_misc rpc_pipefs nfsd autofs nsfs resctrl xenfs',
  ].flatMap((types) => types.split(' ')),
);

/**
 * The mounts below the root directory that a copy shows, parents first: all but those of the kernel and those in `own`, the
 * directories that a copy has new ones of. `isVisible` tells whether nothing else has been mounted over it. `unnamed` are
 * those that no option of mount(8) could name.
 */
export function mountsToCopy(
  mounts: readonly Mount[],
  own: readonly BytePath[],
  isVisible: (mount: Mount) => boolean,
): { readonly shown: readonly Mount[]; readonly unnamed: readonly Mount[] } {
  const visible = mounts
    .filter(({ path, type }) => path !== '/' && !KERNEL_TYPES.has(type) && !isIn(own, path))
    .filter((mount) => isVisible(mount))
    .toSorted((a, b) => a.path.split('/').length - b.path.split('/').length);
  return {
    shown: visible.filter(isPlain),
    unnamed: visible.filter((mount) => !isPlain(mount)),
  };
}

// overlayfs takes `,` and `:` for its own, and an argument of a command is UTF-8 here
function isPlain({ path }: Mount): boolean {
  return /^[\x20-\x7e]+$/.test(path) && !/[,:\\"]/.test(path);
}

function isIn(directories: readonly BytePath[], path: BytePath): boolean {
  return directories.some((own) => path === own || path.startsWith(`${own}/`));
}
