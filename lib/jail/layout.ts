// What every jail has, whatever runs in it.

import { type BytePath, bytePath } from '../binary/path.ts';
import type { Entry } from './plan.ts';

/**
 * Directories that a merged-usr system has as links into /usr. They are made first and even if no file needs them, so that
 * nobody puts a real directory in their place later (file-hierarchy(7)).
 */
export const mergedDirectories: readonly BytePath[] = [
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
].map((path) => bytePath(path));

const CHARACTER_DEVICE = 0o020000;

// The numbers are fixed: Documentation/admin-guide/devices.txt of the kernel.
const devices: readonly (readonly [string, number, number])[] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
];

export const baseEntries: readonly Entry[] = [
  // the only place that the jailed user may write to
  { kind: 'directory', path: bytePath('/tmp'), mode: 0o1777 },
  ...devices.map(
    ([name, major, minor]) =>
      ({
        kind: 'device',
        path: bytePath(`/dev/${name}`),
        mode: CHARACTER_DEVICE | 0o666,
        major,
        minor,
      }) as const,
  ),
];
