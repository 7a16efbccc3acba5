// Detects changes of a file by its status, without reading it.

import { type BigIntStats, statSync } from 'node:fs';

export interface Stamp {
  readonly path: Buffer;
  /** The status, or the code of an errno. */
  status: BigIntStats | string;
  /** Whether every later change will show in the status; otherwise the file must be read again. */
  isSettled: boolean;
}

/** A file system's clock may stand still this long: some ticks of the kernel. */
const TICK_MS = 20;
/** For file systems that store whole seconds; FAT is the coarsest. */
const COARSE_TICK_MS = 2000;

function look(path: Buffer): Stamp['status'] {
  try {
    // a missing file is usual, and an exception is slow
    return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? 'ENOENT';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}

function isSettled(status: Stamp['status']): boolean {
  // other errors, such as a lack of memory, can go away without a trace
  if (typeof status === 'string') return status === 'ENOENT';
  const tickMs = status.ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
  // a change right after this could have the same time ("racy git", git-update-index(1))
  return Date.now() - Number(status.ctimeNs) / 1e6 > tickMs;
}

function isSame(one: Stamp['status'], other: Stamp['status']): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return (
    one.ctimeNs === other.ctimeNs && one.size === other.size && one.ino === other.ino && one.dev === other.dev
  );
}

/** Takes the status of a path, following links. */
export function takeStamp(path: Buffer): Stamp {
  const status = look(path);
  return { path, status, isSettled: isSettled(status) };
}

/** Takes the status again; returns whether it is the same. */
export function renewStamp(stamp: Stamp): boolean {
  const status = look(stamp.path);
  const isUnchanged = isSame(stamp.status, status);
  stamp.status = status;
  if (!isUnchanged || !stamp.isSettled) stamp.isSettled = isSettled(status);
  return isUnchanged;
}
