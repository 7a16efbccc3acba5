// Rows of the steps that give the program a view of its own of the file system: mount_namespaces(7), open_tree(2), mount_setattr(2).
import { quote } from '../../words/quote.ts';
import { cString } from './jail-entry.ts';
import { misplaced, misplacedDirectory } from './mount-links.ts';
import type { Bind, MountFlag, Placed, Step } from './step.ts';
import type { FailureWords, SomeStepRows } from './step-row.ts';

// linux/mount.h: MOUNT_ATTR_RDONLY and so on, which are the values of MS_RDONLY and so on too
const flagValues: Readonly<Record<MountFlag, number>> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 };

/** Flags of a mount as the kernel has them. */
export function maskOf(flags: readonly MountFlag[]): number {
  return flags.reduce((mask, flag) => mask | flagValues[flag], 0);
}

/** Strings in a row, each with a zero byte at its end. */
export function strings(...parts: readonly (string | Buffer)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => cString(Buffer.from(part))));
}

/** Flags behind an object. */
export const list = (flags: readonly MountFlag[]): string =>
  flags.length === 0 ? '' : ` ${flags.join(',')}`;

function showBind({ source, target, set, clear }: Bind): string {
  const from = source.equals(target) ? '' : `${quote(source)} on `;
  return `${from}${quote(target)}${list(set)}${clear.length === 0 ? '' : ` without ${clear.join(',')}`}`;
}

/** The path as the kernel gets it. */
export function local(path: Buffer, within?: Buffer): Buffer {
  return within === undefined ? path : path.subarray(within.length + 1);
}

const encodeBind = ({ source, target, set, clear, within }: Bind) => ({
  a: maskOf(set),
  b: maskOf(clear),
  data: strings(local(source, within), local(target, within)),
});

// `size=1m,mode=755` as the names and values that fsconfig(2) takes
const settings = (options: string): readonly string[] =>
  options === '' ? [] : options.split(',').flatMap((option) => [...option.split('='), ''].slice(0, 2));

// inode(7): S_IFREG
const regularFile = 0o100000;

const noPlace = 'give --tmpfs for a directory above it, before this option: in that it is made';

const ofTarget: {
  readonly [code in 'ENOENT' | 'ENOTDIR' | 'EEXIST' | 'EACCES' | 'EOVERFLOW']: FailureWords<Step & Placed>;
} = {
  ENOENT: {
    reason: (_, { target }) => `${quote(target)} is not in the jail`,
    hint: ({ jail }, { op, target, onHost }) => {
      const path = onHost === undefined ? `${jail}${quote(target)}` : quote(onHost);
      if (op === 'mount') return `mkdir -p ${path}`;
      return /:r[ow]$/.test(quote(target))
        ? 'write --ro-bind SOURCE:DEST for a mount that cannot be written, and --bind SOURCE:DEST for another'
        : `make it: mkdir -p ${path}; for a file: touch ${path}`;
    },
  },
  EEXIST: {
    reason: (_, { target }) => `${quote(target)} is a link that leads nowhere`,
    hint: 'name the path to which the link leads',
  },
  // without root: the overlay cannot take over a directory whose owner has no id in the user namespace
  EACCES: {
    reason: (_, { target }) =>
      `${quote(target)} is not in the jail, and the directory above it belongs to another user`,
    hint: noPlace,
  },
  EOVERFLOW: {
    reason: (_, { target }) =>
      `${quote(target)} is not in the jail, and the directory above it belongs to another user`,
    hint: noPlace,
  },
  ENOTDIR: {
    reason: (_, { target }) =>
      `${quote(target)} in the jail is no directory, or what is mounted there is none`,
    hint: 'a directory is mounted on a directory, and a file on a file',
  },
};

// MoveFlag of native/plan/plan.h
function moveFlags({ enters, noLinks, own }: Placed): number {
  const ownBytes = own === undefined || own.length === 1 ? 0 : own.length;
  return (
    (enters === true ? 2 : 0) + (noLinks === true ? 4 : 0) + (own === undefined ? 0 : 8) + ownBytes * 2 ** 32
  );
}

export const mountRows = {
  move_mount: {
    op: 47,
    call: 'move_mount',
    object: ({ target }) => quote(target),
    purpose: ({ own }: Placed) =>
      `the tree appears there${own === undefined ? '' : '; what is missing for it is made'}`,
    needs: 'CAP_SYS_ADMIN',
    encode: (step) => ({
      a: step.slot,
      b: (step.ifThere === true ? 1 : 0) + moveFlags(step),
      data: cString(local(step.target, step.within)),
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
    encode: (step) => ({
      a: maskOf(step.flags),
      b: moveFlags(step),
      data: strings(step.type, local(step.target, step.within), ...settings(step.options), ''),
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
    purpose: 'a directory, with those above it, unless they are there',
    encode: ({ path, mode, within }) => ({ a: mode, data: cString(local(path, within)) }),
    failures: {
      ...misplacedDirectory,
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
    purpose: 'an empty file',
    encode: ({ path, within }) => ({ a: regularFile | 0o666, data: cString(local(path, within)) }),
  },
  symlink: {
    op: 53,
    call: 'symlink',
    object: ({ path, target }) => `${quote(path)} to ${target}`,
    purpose: 'a link',
    encode: ({ path, target, within }) => ({ data: strings(target, local(path, within)) }),
  },
  lock_directory: {
    op: 56,
    call: 'flock',
    purpose: 'no other launch writes to the same changes',
    encode: () => ({}),
    failures: {
      EBUSY: {
        reason: 'another launch works in the same workspace',
        hint: 'wait until it has ended, or start both programs in one launch: two overlays on one layer would spoil it',
      },
    },
  },
  map_tree: {
    op: 57,
    call: 'mount_setattr',
    purpose: "the owner's files are the user's",
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot, fd }) => ({ a: slot, b: fd }),
    failures: {
      EINVAL: {
        reason:
          'the kernel, or the file system of the workspace or of /var/lib, cannot show files under another id',
        hint: 'let USER be the owner of the workspace: stat -c %U:%G WORKSPACE',
      },
    },
  },
  watch_space: {
    op: 55,
    call: 'fstatfs',
    object: ({ path }) => quote(path),
    purpose: 'whether it is full is told when the program has ended',
    encode: ({ path }) => ({ data: cString(path) }),
  },
} satisfies SomeStepRows;
