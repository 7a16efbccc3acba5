// Devices that a jail should not have.

import type { Entry } from '../entry.ts';
import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

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
    if ((entry.kind !== 'character' && entry.kind !== 'block') || entry.isMounted || isHarmless(entry))
      return undefined;
    return {
      path: entry.path,
      message: `it is ${entry.kind === 'block' ? 'a block device, such as a disk' : 'a character device'} (${entry.major}:${entry.minor})`,
      remedy: commandLine('rm', hostPath(jail, entry.path)),
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
