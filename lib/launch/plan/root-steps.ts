// Rows of the steps that open the trees of a view, and make the jail its root directory: open_tree(2), pivot_root(2).
import { quote } from '../../words/quote.ts';
import { cString } from './jail-entry.ts';
import { list, local, maskOf, strings } from './mount-steps.ts';
import { lie } from './namespaces.ts';
import type { Step } from './step.ts';
import type { SomeStepRows } from './step-row.ts';

// No slot (kNoStore of native/plan/mounts.cc).
const noSlot = Infinity;

export const rootRows = {
  open_tree: {
    op: 45,
    call: 'open_tree',
    object: ({ source, isInJail, flags }) =>
      `${source === undefined ? 'the jail' : quote(source)}${isInJail === true ? ' of the jail' : ''}${list(flags)}`,
    purpose: ({ source, isInJail, ifThere, within }: Step & { op: 'open_tree' }) => {
      if (source === undefined) return 'its own copy of the mounts of the jail';
      if (within !== undefined) return 'an empty file, to be mounted below';
      if (isInJail !== true) return "a tree of the host's, to be mounted below";
      return `to be mounted there with properties of its own${ifThere === true ? ', if it is there' : ''}`;
    },
    needs: 'CAP_SYS_ADMIN',
    encode: ({ slot, source, isInJail, ifThere, isDirectory, noLinks, flags, within }) => ({
      a: slot,
      b:
        maskOf(flags) +
        (isInJail === true ? 2 ** 32 : 0) +
        (ifThere === true ? 2 ** 33 : 0) +
        (noLinks === true ? 2 ** 34 : 0),
      // a file has no `.` (path_resolution(7))
      ...(source === undefined
        ? {}
        : {
            data:
              isDirectory === true
                ? cString(Buffer.concat([source, Buffer.from('/.')]))
                : cString(local(source, within)),
          }),
    }),
    failures: {
      EINVAL: {
        reason: 'a mount there is unbindable, so it cannot be shown in another place',
        hint: (_, { source }) =>
          `mount --make-private ${source === undefined ? 'JAIL' : quote(source)}   # the mount that holds it`,
      },
      EACCES: { hint: 'the caller may not enter it, or a directory above it: name a path that he may reach' },
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
      ELOOP: {
        reason: (_, { isInJail }) =>
          isInJail === true
            ? 'it leads through a link, which is not followed: a link of the program could open another part of the jail for writing'
            : 'it leads through a link that was not there when the launch was planned or compiled',
        hint: 'name the path that the link leads to',
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
    purpose: ({ overlay }: Step & { op: 'pivot_root' }) => {
      if (overlay === undefined) return 'the jail becomes the root directory, and all else is gone';
      const own = 'the same, and what is written goes elsewhere';
      // raiseWritable() of native/plan/overlay.cc
      return overlay.rootless === true
        ? `${own}; in a jail of another user, directories can be written that the caller may write, three levels deep`
        : own;
    },
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
      EACCES: { hint: 'the caller must be able to write to the directory of --ephemeral-dir' },
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
} satisfies SomeStepRows;
