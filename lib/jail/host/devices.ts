// The harmless devices of every jail, and the links that programs expect beside them.

/** The numbers are fixed: Documentation/admin-guide/devices.txt of the kernel. */
export const DEVICES = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const;

/** inode(7) */
export const CHARACTER_DEVICE = 0o020000;

/** The links dangle until a proc file system is mounted in the jail (proc_pid_fd(5)). */
export const DESCRIPTOR_LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
] as const;
