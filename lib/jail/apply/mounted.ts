// Finds what is mounted in a jail. The builder changes nothing there: it may be a part of the host.

import { readFileSync, readlinkSync } from 'node:fs';

import { readMounts } from '../../tree/mountinfo.ts';
import { type BytePath, bytePath, isWithin, showPath } from '../../tree/path.ts';
import type { DirectoryRoot } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { mountsIn, pointIn } from '../host/mounts.ts';

/** Mount points in the jail, as paths of the jail. */
export function mountedIn(jail: DirectoryRoot): readonly BytePath[] {
  const directory = bytePath(readlinkSync(`/proc/self/fd/${jail.fd}`, 'buffer'));
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  return mountsIn(mounts, directory).map((mount) => pointIn(mount, directory));
}

/**
 * Refuses a change of a path of the jail. `isWhole`: the change replaces a directory with everything in it.
 * @throws JailError EXDEV if something is mounted there
 */
export function refuseMounted(mounted: readonly BytePath[], path: BytePath, isWhole = false): void {
  const point = mounted.find((one) => isWithin(path, one) || (isWhole && isWithin(one, path)));
  if (point === undefined) return;
  const shown = showPath(point);
  throw new JailError(`something is mounted on ${shown} in the jail, where ${showPath(path)} would change`, {
    code: 'EXDEV',
    path: shown,
    hint: 'unmount it first',
  });
}
