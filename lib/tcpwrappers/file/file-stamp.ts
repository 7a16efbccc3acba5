// Detects changes of a file by its status, without reading it.

import { native } from '../../native.ts';

export interface Stamp {
  /** The status, written by native/files/stamp.cc: errno, then seconds and nanoseconds of the ctime, 64 bits each, then more. Then the path. */
  readonly record: Buffer;
  /** Whether every later change will show in the status; otherwise the file must be read again. */
  isSettled: boolean;
}

const STATUS_BYTES = 48;
/** A file system's clock may stand still this long: some ticks of the kernel. */
const TICK_MS = 20;
/** For file systems that store whole seconds; FAT is the coarsest. */
const COARSE_TICK_MS = 2000;
const ENOENT = 2n;

function isSettled(status: Buffer): boolean {
  const error = status.readBigInt64LE(0);
  // other errors, such as a lack of memory, can go away without a trace
  if (error !== 0n) return error === ENOENT;
  const seconds = Number(status.readBigInt64LE(8));
  const nanoseconds = Number(status.readBigInt64LE(16));
  const tickMs = nanoseconds === 0 ? COARSE_TICK_MS : TICK_MS;
  // a change right after this could have the same time ("racy git", git-update-index(1))
  return Date.now() - (seconds * 1000 + nanoseconds / 1e6) > tickMs;
}

/** Takes the status of a path, following links. */
export function takeStamp(path: Buffer): Stamp {
  const stamp = {
    record: Buffer.concat([Buffer.alloc(STATUS_BYTES), path, Buffer.alloc(1)]),
    isSettled: false,
  };
  renewStamp(stamp);
  return stamp;
}

/** Takes the status again; returns whether it is the same. */
export function renewStamp(stamp: Stamp): boolean {
  const isSame = native.restat(stamp.record);
  if (!isSame || !stamp.isSettled) stamp.isSettled = isSettled(stamp.record);
  return isSame;
}
