// Rules about files that give privileges: set-user-ID and set-group-ID bits, file capabilities, devices.

import { octal } from '../../../trust/writer.ts';
import { inGroup, type Rule } from '../check-rule.ts';
import { type Entry, isOwn } from '../checked-entry.ts';
import { commandLine, hostPath, unmounted } from '../remedies.ts';

interface SetId {
  readonly id: string;
  readonly bit: number;
  readonly change: string;
  readonly summary: string;
  readonly attack: string;
  readonly messageOf: (entry: Entry) => string;
}

const SET_IDS: readonly SetId[] = [
  {
    id: 'set-user-id',
    bit: 0o4000,
    change: 'u-s',
    summary: 'A file has the set-user-ID bit, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user becomes its owner by executing it, and root leaves a jail (chroot(2)). In a jail such a program also ' +
      'trusts files that he may have changed: CVE-2023-4911 of ld.so, CVE-2021-4034 of pkexec.',
    messageOf: ({ uid }) => `it runs as uid ${uid}, whoever starts it (set-user-ID)`,
  },
  {
    id: 'set-group-id',
    bit: 0o2000,
    change: 'g-s',
    summary: 'A file has the set-group-ID bit, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user becomes a member of its group by executing it: shadow reads password hashes, tty writes to other ' +
      'terminals, disk and docker are as good as root (execve(2), "Effect of set-user-ID and set-group-ID").',
    messageOf: ({ gid }) => `it runs with group ${gid}, whoever starts it (set-group-ID)`,
  },
];

export const privilegedFiles = inGroup('privilege', [
  ...SET_IDS.map(({ id, bit, change, summary, attack, messageOf }): Omit<Rule, 'group'> => ({
    id,
    severity: 'error',
    summary,
    attack,
    remedy: `chmod ${change} FILE`,
    lookAt: (entry, jail) => {
      const { path, kind, mode, recorded } = entry;
      if ((mode & bit) === 0 || kind !== 'file' || recorded?.keepPrivileges === true) return undefined;
      return {
        path,
        message: messageOf(entry),
        remedy: commandLine('chmod', change, hostPath(jail, path)),
        // a user gives away his own rights, and none of root's
        ...(isOwn(entry) && { severity: 'warning' }),
        fixes: [{ kind: 'mode', clear: bit }],
      };
    },
  })),
  {
    id: 'file-capabilities',
    severity: 'error',
    summary: 'A file has capabilities, and was not asked for with --keep-privileges.',
    attack:
      'The jailed user gets them by executing it: CAP_SYS_CHROOT, CAP_SYS_ADMIN or CAP_DAC_READ_SEARCH lead out of a jail ' +
      '(capabilities(7), "File capabilities"). ls(1) does not show them.',
    remedy: 'setcap -r FILE',
    lookAt: ({ path, hasCapabilities, recorded }, jail) => {
      if (!hasCapabilities || recorded?.keepPrivileges === true) return undefined;
      return {
        path,
        message: 'it has file capabilities (security.capability)',
        remedy: commandLine('setcap', '-r', hostPath(jail, path)),
        fixes: [{ kind: 'attribute', name: 'security.capability' }],
      };
    },
  },
  {
    id: 'device-node',
    severity: 'error',
    summary: 'There is a device other than null, zero, full, random, urandom, tty and those of terminals.',
    attack:
      'A disk is read and written whatever the permissions of its files are, /dev/mem and /dev/kmem are the kernel, and each ' +
      'driver is one more thing to attack (mem(4), null(4), random(4), tty(4)).',
    remedy: 'rm DEVICE',
    lookAt: (entry, jail) => {
      const { path, kind, mode, uid, gid, major, minor, isMounted } = entry;
      if ((kind !== 'character' && kind !== 'block') || isHarmless(entry)) return undefined;
      const what = kind === 'block' ? 'a block device, such as a disk' : 'a character device';
      return {
        path,
        message: `it is ${what} (${major}:${minor}), of ${uid}:${gid}, mode ${octal(mode)}`,
        remedy: isMounted ? unmounted(hostPath(jail, path)) : commandLine('rm', hostPath(jail, path)),
      };
    },
  },
  {
    id: 'device-mode',
    severity: 'error',
    summary: 'A device of the jail does not belong to root, can be executed, or is not open to everybody.',
    attack:
      'The owner of /dev/null can change its mode, so that nobody else can use it. If it lies in a directory of his own, he can ' +
      'put a file in its place, and gets what others write to it (chmod(2), null(4)).',
    covers: ['mode', 'owner'],
    remedy: 'chown root:root DEVICE && chmod 0666 DEVICE',
    lookAt: (entry, jail) => {
      const { path, mode, uid } = entry;
      // a terminal belongs to the user who works at it (pts(4))
      if (entry.isMounted || !isHarmless(entry) || entry.major >= 136) return undefined;
      if (uid === 0 && (mode & 0o7111) === 0 && isOpen(entry)) return undefined;
      const at = hostPath(jail, path);
      return {
        path,
        message: `it belongs to uid ${uid} and has mode ${octal(mode)}`,
        remedy: `${commandLine('chown', 'root:root', at)} && ${commandLine('chmod', '0666', at)}`,
        fixes: [
          { kind: 'owner', uid: 0, gid: 0 },
          { kind: 'mode', clear: 0o7777, set: 0o666 },
        ],
      };
    },
  },
]);

/** Devices of the kernel that hold nobody's data (Documentation/admin-guide/devices.txt). */
function isHarmless({ kind, major, minor }: Entry): boolean {
  if (kind !== 'character') return false;
  if (major === 1) return [3, 5, 7, 8, 9].includes(minor); // null, zero, full, random, urandom
  if (major === 5) return minor === 0 || minor === 2; // tty, ptmx
  return major >= 136 && major <= 143; // pts
}

// A service that cannot write to /dev/null, or read from /dev/urandom, fails or goes on without it.
function isOpen({ major, minor, mode }: Entry): boolean {
  const wanted = major === 1 && (minor === 8 || minor === 9) ? 0o444 : 0o666;
  return (mode & wanted) === wanted;
}
