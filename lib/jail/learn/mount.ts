// Which file systems of the host a scratch copy has to show. Pure.

import type { BytePath } from '../../binary/path.ts';
import type { Mount } from '../host/mounts.ts';

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
    .filter(({ point, type }) => point !== '/' && !KERNEL_TYPES.has(type) && !isIn(own, point))
    .filter((mount) => isVisible(mount))
    .toSorted((a, b) => a.point.split('/').length - b.point.split('/').length);
  return {
    shown: visible.filter(isPlain),
    unnamed: visible.filter((mount) => !isPlain(mount)),
  };
}

// overlayfs takes `,` and `:` for its own, and an argument of a command is UTF-8 here
function isPlain({ point }: Mount): boolean {
  return /^[\x20-\x7e]+$/.test(point) && !/[,:\\"]/.test(point);
}

function isIn(directories: readonly BytePath[], path: BytePath): boolean {
  return directories.some((own) => path === own || path.startsWith(`${own}/`));
}
