// Whether a file is still what was read: by its status, which the kernel changes with it.

import { native } from '../../native.ts';

/** The status of what lay at a path at some time, by which a change shows. */
export interface Stamp {
  /** With a NUL byte behind it. */
  readonly path: Buffer;
  /** As native/files/stamp.cc writes it: errno, and seconds and nanoseconds of the ctime are the first three 64-bit numbers. */
  readonly status: Buffer;
  /** Whether any change after this shows in the status; else only reading the file again tells. */
  isSettled: boolean;
}

const STATUS_BYTES = 48;
/** How long the clock of a file system may stand still between two changes: some ticks of the kernel. */
const TICK_MS = 20;
/** The same for file systems that store whole seconds, of which FAT has the coarsest. */
const COARSE_TICK_MS = 2000;
const ENOENT = 2n;

function isSettled(status: Buffer): boolean {
  const error = status.readBigInt64LE(0);
  // other errors can pass without a trace, such as a lack of memory
  if (error !== 0n) return error === ENOENT;
  const seconds = Number(status.readBigInt64LE(8));
  const nanoseconds = Number(status.readBigInt64LE(16));
  const tickMs = nanoseconds === 0 ? COARSE_TICK_MS : TICK_MS;
  // a change right after this could have the same time, as git(1) has it with its index ("racy git")
  return Date.now() - (seconds * 1000 + nanoseconds / 1e6) > tickMs;
}

/** Looks at a path; follows links. */
export function takeStamp(path: Buffer): Stamp {
  const stamp = {
    path: Buffer.concat([path, Buffer.alloc(1)]),
    status: Buffer.alloc(STATUS_BYTES),
    isSettled: false,
  };
  renewStamp(stamp);
  return stamp;
}

/** Looks at the path again; whether the status is what it was. */
export function renewStamp(stamp: Stamp): boolean {
  const isSame = native.restat(stamp.path, stamp.status);
  if (!isSame || !stamp.isSettled) stamp.isSettled = isSettled(stamp.status);
  return isSame;
}
