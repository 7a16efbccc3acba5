// Rows of the steps that give the program a view of its own of the file system: mount_namespaces(7), open_tree(2), mount_setattr(2).
import { quote } from '../../quote.ts';
import { commandLine } from '../../shell-word.ts';
import { cString } from './jail-entry.ts';
import { misplaced } from './mount-links.ts';
import { lie } from './namespaces.ts';
import type { Bind, FailureWords, MountFlag, Step, SomeStepRows } from './step.ts';

// linux/mount.h: MOUNT_ATTR_RDONLY and so on, which are the values of MS_RDONLY and so on too
const flagValues: Readonly<Record<MountFlag, number>> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 };

/** Flags of a mount as the kernel has them. */
export function maskOf(flags: readonly MountFlag[]): number {
  return flags.reduce((mask, flag) => mask | flagValues[flag], 0);
}

function strings(...parts: readonly (string | Buffer)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => cString(Buffer.from(part))));
}

const list = (flags: readonly MountFlag[]): string => (flags.length === 0 ? '' : ` ${flags.join(',')}`);

function showBind({ source, target, set, clear }: Bind): string {
  const from = source.equals(target) ? '' : `${quote(source)} on `;
  return `${from}${quote(target)}${list(set)}${clear.length === 0 ? '' : ` without ${clear.join(',')}`}`;
}

// The path as the kernel gets it.
function local(path: Buffer, within?: Buffer): Buffer {
  return within === undefined ? path : path.subarray(within.length + 1);
}

const encodeBind = ({ source, target, set, clear, within }: Bind) => ({
  a: maskOf(set),
  b: maskOf(clear),
  data: strings(local(source, within), local(target, within)),
});

// `size=1m,mode=755` as the names and values that fsconfig(2) takes
const settings = (options: string): readonly string[] =>
  options === '' ? [] : options.split(',').flatMap((option) => option.split('='));

// inode(7): S_IFREG
const regularFile = 0o100000;

// No slot (kNoStore of native/plan/mounts.cc).
const noSlot = Infinity;

const ofTarget: { readonly [code in 'ENOENT' | 'ENOTDIR']: FailureWords<Step & { target: Buffer }> } = {
  ENOENT: {
    reason: (_, { target }) => `${quote(target)} is not in the jail`,
    hint: ({ jail }, { op, target }) =>
      op === 'mount'
        ? `mkdir -p ${jail}${quote(target)}`
        : /:r[ow]$/.test(quote(target))
          ? 'write --ro-bind SOURCE:DEST for a mount that cannot be written, and --bind SOURCE:DEST for another'
          : `make it: mkdir -p ${jail}${quote(target)}; for a file: touch ${jail}${quote(target)}`,
  },
  ENOTDIR: {
    reason: (_, { target }) =>
      `${quote(target)} in the jail is no directory, or what is mounted there is none`,
    hint: 'a directory is mounted on a directory, and a file on a file',
  },
};

/** The options that make a directory and those above it: `--dir /a --dir /a/b` for `/a/b`. */
function optionsFor(path: Buffer): string {
  const names = quote(path)
    .split('/')
    .filter((name) => name !== '');
  return commandLine(...names.flatMap((_, i) => ['--dir', `/${names.slice(0, i + 1).join('/')}`]));
}

export const mountRows = {
  open_tree: {
    op: 45,
    call: 'open_tree',
    object: ({ source, isInJail, flags }) =>
      `${source === undefined ? 'the jail' : quote(source)}${isInJail === true ? ' of the jail' : ''}${list(flags)}`,
    purpose: ({ source, isInJail, ifThere }: Step & { op: 'open_tree' }) => {
      if (source === undefined) return 'its own copy of the mounts of the jail';
      if (isInJail !== true) return "a tree of the host's, to be mounted below";
      return `to be mounted there with properties of its own${ifThere === true ? ', if it is there' : ''}`;
    },
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot, source, isInJail, ifThere, isDirectory, flags }) => ({
      a: slot,
      b: maskOf(flags) + (isInJail === true ? 2 ** 32 : 0) + (ifThere === true ? 2 ** 33 : 0),
      // a file has no `.` (path_resolution(7))
      ...(source === undefined
        ? {}
        : {
            data:
              isDirectory === true ? cString(Buffer.concat([source, Buffer.from('/.')])) : cString(source),
          }),
    }),
    failures: {
      EINVAL: {
        reason: 'a mount there is unbindable, so it cannot be shown in another place',
        hint: (_, { source }) =>
          `mount --make-private ${source === undefined ? 'JAIL' : quote(source)}   # the mount that holds it`,
      },
      ENOTDIR: {
        reason: 'it, or what is above it, is no directory',
        hint: 'what is written to an ephemeral jail is kept in a directory: make one of root, mode 0700',
      },
      ENOENT: {
        reason: (_, { isInJail }) => `it is not ${isInJail === true ? 'in the jail' : 'on the host'}`,
        hint: (_, { isInJail, source }) => {
          if (isInJail === true) return 'it is a path in the jail: name one that is there';
          // the two paths of --bind, with another sign between them
          const [, from = '', to = ''] = /^(\/[^=,]+)[=,](\/.*)$/.exec(String(source)) ?? [];
          return from === ''
            ? 'it is a path of the host, not of the jail: name one that is there'
            : `write ${quote(from)}:${quote(to)}`;
        },
      },
      ENOSYS: {
        reason: 'the kernel has no mount_setattr(2), or a seccomp filter of the caller refuses it',
        hint: 'isolation needs Linux 5.12; in a container, a seccomp profile that allows open_tree and mount_setattr',
      },
    },
  },
  pivot_root: {
    op: 46,
    call: 'pivot_root',
    object: ({ overlay }) => (overlay === undefined ? 'the jail' : 'an overlay on the jail'),
    purpose: ({ overlay }: Step & { op: 'pivot_root' }) =>
      overlay === undefined
        ? 'the jail becomes the root directory, and all else is gone'
        : 'the same, and what is written goes elsewhere',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot, overlay }) => ({
      a: slot + maskOf(overlay?.flags ?? []) * 2 ** 32,
      ...(overlay === undefined
        ? {}
        : {
            b: overlay.slot ?? noSlot,
            data: strings('size', String(overlay.size), 'nr_inodes', String(overlay.inodes), ''),
          }),
    }),
    failures: {
      ...lie,
      EBUSY: {
        reason: (_, { overlay }) =>
          overlay?.slot === undefined
            ? 'it is in use'
            : 'another launch is writing to the same directory of --ephemeral-dir',
        hint: (_, { overlay }) =>
          overlay?.slot === undefined
            ? 'see what is mounted on it: findmnt'
            : 'give each launch that runs at the same time a directory of its own',
      },
      // CAP_SYS_ADMIN is there: unshare(2) needs it too, and comes first.
      EPERM: {
        reason: 'operation not permitted, as for a process that Landlock confines',
        hint: 'start uchroot from a process that Landlock does not confine: such a process cannot mount (landlock(7)); see also that no seccomp filter refuses the call, as docker does even with --cap-add SYS_ADMIN: --security-opt seccomp=unconfined, or a profile that allows pivot_root',
      },
      EINVAL: {
        reason: (_, { overlay }) => {
          if (overlay === undefined)
            return 'the root directory of this process is no mount whose root can change (an initramfs is none)';
          // ovl_get_upper() in fs/overlayfs/super.c
          const written =
            overlay.slot === undefined
              ? 'an overlay cannot lie on the file system of the jail, or the root directory of this process is an initramfs'
              : 'an overlay cannot write to the file system of --ephemeral-dir, as to another overlay, or to NFS';
          // clone_private_mount() in fs/namespace.c
          return overlay.rootless === true
            ? `file systems of the host are mounted inside the jail, and no ordinary user may make an overlay without them; or ${written}`
            : written;
        },
        hint: (_, { overlay }) => {
          if (overlay === undefined) return 'run uchroot on a mounted root file system';
          const other =
            overlay.slot === undefined
              ? 'put the jail on a disk'
              : 'name a directory on a disk or a tmpfs, such as one below /run';
          return overlay.rootless === true
            ? `unmount them, or give --read-only with --tmpfs in place of --ephemeral; or ${other}`
            : `${other}: findmnt -T DIRECTORY shows the file system`;
        },
      },
      ENODEV: {
        reason: 'the kernel has no overlayfs',
        hint: 'modprobe overlay, or leave out --ephemeral',
      },
    },
  },
  move_mount: {
    op: 47,
    call: 'move_mount',
    object: ({ target }) => quote(target),
    purpose: 'the tree appears there',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot, target, ifThere, enters, noLinks, within }) => ({
      a: slot,
      b: (ifThere === true ? 1 : 0) + (enters === true ? 2 : 0) + (noLinks === true ? 4 : 0),
      data: cString(local(target, within)),
    }),
    failures: {
      ...misplaced,
      ...ofTarget,
      EINVAL: {
        reason: (_, { target }) => `one of source and ${quote(target)} is a directory, and the other is none`,
        hint: 'a directory is mounted on a directory, and a file on a file',
      },
    },
  },
  mount: {
    op: 48,
    call: 'fsmount',
    object: ({ type, target, flags, options }) =>
      `${type} on ${quote(target)}${list(flags)}${options === '' ? '' : ` ${options}`}`,
    purpose: 'a file system of its own',
    needs: 'CAP_SYS_ADMIN',
    encode: ({ type, target, flags, options, enters, noLinks, within }) => ({
      a: maskOf(flags),
      b: (enters === true ? 1 : 0) + (noLinks === true ? 4 : 0),
      data: strings(type, local(target, within), ...settings(options), ''),
    }),
    failures: {
      ...misplaced,
      ...ofTarget,
      EPERM: {
        reason: 'operation not permitted, as for proc in a container whose own /proc is masked',
        hint: 'it needs CAP_SYS_ADMIN, and for proc a /proc of the container without masks (docker: --security-opt systempaths=unconfined)',
      },
    },
  },
  bind: {
    op: 49,
    call: 'mount_setattr',
    object: showBind,
    purpose: 'a mount with properties of its own',
    needs: 'CAP_SYS_ADMIN',
    encode: encodeBind,
    failures: ofTarget,
  },
  bind_if_there: {
    op: 50,
    call: 'mount_setattr',
    object: showBind,
    purpose: ({ source, target }: Bind) =>
      source.equals(target) ? 'the same, if it is there' : 'hides what is there, if it is',
    needs: 'CAP_SYS_ADMIN',
    encode: encodeBind,
  },
  mkdir: {
    op: 51,
    call: 'mkdir',
    object: ({ path }) => quote(path),
    purpose: 'a directory, unless it is there',
    encode: ({ path, mode, within }) => ({ a: mode, data: cString(local(path, within)) }),
    failures: {
      ENOENT: {
        reason: (_, { path }) => `what is above ${quote(path)} is not in the jail`,
        hint: (_, { path }) => `write ${optionsFor(path)}`,
      },
      EROFS: {
        reason: 'the jail is read-only',
        hint: 'make the directory in the jail itself, or on a --tmpfs that comes first',
      },
    },
  },
  mknod: {
    op: 52,
    call: 'mknod',
    object: ({ path, major, minor }) => `${quote(path)} ${major}:${minor}`,
    purpose: 'a device',
    needs: 'CAP_MKNOD',
    // makedev(3) for numbers below 256
    encode: ({ path, mode, major, minor, within }) => ({
      a: mode,
      b: major * 256 + minor,
      data: cString(local(path, within)),
    }),
  },
  mkfile: {
    op: 52,
    call: 'mknod',
    object: ({ path }) => quote(path),
    purpose: 'an empty file, to mount a device on',
    encode: ({ path, within }) => ({ a: regularFile | 0o666, data: cString(local(path, within)) }),
  },
  symlink: {
    op: 53,
    call: 'symlink',
    object: ({ path, target }) => `${quote(path)} to ${target}`,
    purpose: 'a link',
    encode: ({ path, target, within }) => ({ data: strings(target, local(path, within)) }),
  },
  watch_space: {
    op: 55,
    call: 'fstatfs',
    object: ({ path }) => quote(path),
    purpose: 'whether it is full is told when the program has ended',
    encode: ({ path }) => ({ data: cString(path) }),
  },
} satisfies SomeStepRows;
