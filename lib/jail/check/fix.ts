// Puts right what can be put right without losing anything. By descriptor: what was found may have been exchanged since.

import { chmodSync, chownSync, constants } from 'node:fs';

import { type BytePath, pathBytes } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import { type InRootStatus, native } from '../../native.ts';
import { isAtOrIn } from '../apply/grounds.ts';
import { type MayWrite, openWritable } from '../apply/grounds.ts';
import type { Entry } from './entry.ts';
import type { Fix } from './finding.ts';
import type { CheckedJail } from './jail.ts';
import type { Reported } from './report.ts';
import { restore, restoredBy } from './restore.ts';

/**
 * Applies the fixes of all findings in order; those of which that was done, with the command line that stands for it. What was
 * restored is all that it should be. Nothing that may be somebody's data is replaced or given to another owner, unless its path is
 * in `replace`, or lies in one of it.
 */
export async function fixAll(
  jail: CheckedJail,
  reported: readonly Reported[],
  replace: readonly BytePath[],
): Promise<readonly Reported[]> {
  const mayWrite = openWritable(jail.root);
  const restored = new Set<BytePath>();
  const fixed: Reported[] = [];
  for (const one of reported) {
    const { path, fixes } = one.found;
    if (fixes === undefined) continue;
    const isNamed = replace.some((named) => isAtOrIn(path, named));
    if (!isNamed && fixes.some((fix) => isAboutData(jail, mayWrite, one, fix))) continue;
    const isDone = restored.has(path) || (await fixOne(jail, path, fixes, one.entry));
    if (!isDone) continue;
    const restoring = fixes.find((fix) => fix.kind === 'restore');
    if (restoring === undefined) fixed.push(one);
    else {
      restored.add(path);
      const remedy = restoredBy(jail, restoring.recorded);
      fixed.push({ ...one, finding: { ...one.finding, remedy } });
    }
  }
  return fixed;
}

/** Whether a fix takes away what somebody may have put there on purpose. */
function isAboutData(jail: CheckedJail, mayWrite: MayWrite, { found, entry }: Reported, fix: Fix): boolean {
  switch (fix.kind) {
    case 'restore':
      return isThere(jail, found.path) || mayWrite(found.path, undefined);
    case 'owner':
      // the top of the jail, a device or a pipe holds none
      return found.path !== '/' && (entry?.kind === 'file' || entry?.kind === 'directory');
    case 'mode':
    case 'attribute':
      return false;
    default:
      return fix satisfies never;
  }
}

function isThere({ root }: CheckedJail, path: BytePath): boolean {
  try {
    return root.lstat(path) !== undefined;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return true;
  }
}

async function fixOne(
  jail: CheckedJail,
  path: BytePath,
  fixes: readonly Fix[],
  entry: Entry | undefined,
): Promise<boolean> {
  try {
    for (const fix of fixes) {
      const isDone =
        fix.kind === 'restore' ? await restore(jail, fix.recorded) : change(jail, path, fix, entry);
      if (!isDone) return false;
    }
    return true;
  } catch (error) {
    // the jail may change at any moment, and its file system refuse anything: then it stays as it is
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

const O_PATH = 0o10000000; // asm-generic/fcntl.h; not among Node's constants

function change(
  jail: CheckedJail,
  path: BytePath,
  fix: Exclude<Fix, { readonly kind: 'restore' }>,
  entry: Entry | undefined,
): boolean {
  const isRead = fix.kind === 'attribute';
  // a fifo or a device is not opened: O_PATH does nothing to it (open(2))
  const flags = (isRead ? constants.O_RDONLY | constants.O_NONBLOCK : O_PATH) | constants.O_NOFOLLOW;
  const fd = native.inRootOpen(jail.root.fd, pathBytes(path), flags);
  try {
    const status = native.inRootFstat(fd);
    if (!isSafe(status, fix) || (entry !== undefined && !isSame(status, entry))) return false;
    // by /proc, since fchmod takes no O_PATH descriptor before Linux 6.6; a magic link leads to the object itself
    const self = `/proc/self/fd/${fd}`;
    if (fix.kind === 'mode') chmodSync(self, (status.mode & 0o7777 & ~fix.clear) | (fix.set ?? 0));
    // takes set-user-ID and set-group-ID away (chown(2)): they must not come to content that its former owner has written
    else if (fix.kind === 'owner') chownSync(self, fix.uid, fix.gid);
    else native.removeAttribute(fd, fix.name);
    return true;
  } finally {
    native.closeDescriptor(fd);
  }
}

const TYPE_BITS = 0o170000; // inode(7)

// A file with more names than one may be the host's own: nothing is given away by it, and nothing taken from its other names.
function isSafe({ mode, nlink }: InRootStatus, fix: Fix): boolean {
  const type = mode & TYPE_BITS;
  if (type === constants.S_IFLNK && fix.kind !== 'owner') return false;
  return type === constants.S_IFDIR || nlink === 1;
}

// Not what somebody has put in its place since.
function isSame({ ino }: InRootStatus, { inodeLow, inodeHigh }: Entry): boolean {
  return ino === ((BigInt(inodeHigh) << 32n) | BigInt(inodeLow));
}
