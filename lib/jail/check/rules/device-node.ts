// Devices that a jail should not have.

import type { Entry } from '../entry.ts';
import { commandLine } from '../command.ts';
import { unmounted } from '../remedy.ts';
import { hostPath, type Rule } from '../rule.ts';
import { octal } from '../../../trust/writer.ts';

export const deviceNode: Rule = {
  id: 'device-node',
  group: 'privilege',
  severity: 'error',
  summary: 'There is a device other than null, zero, full, random, urandom, tty and those of terminals.',
  attack:
    'A disk is read and written past all permissions, /dev/mem and /dev/kmem are the kernel, and each driver is one more ' +
    'thing to attack (mem(4), null(4), random(4), tty(4)).',
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
};

/** Devices of the kernel's that take and give nothing of anybody's (Documentation/admin-guide/devices.txt). */
export function isHarmless({ kind, major, minor }: Pick<Entry, 'kind' | 'major' | 'minor'>): boolean {
  if (kind !== 'character') return false;
  if (major === 1) return [3, 5, 7, 8, 9].includes(minor); // null, zero, full, random, urandom
  if (major === 5) return minor === 0 || minor === 2; // tty, ptmx
  return major >= 136 && major <= 143; // pts
}
