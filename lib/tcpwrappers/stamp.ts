// Whether a file is still what was read: by its status, which the kernel changes with it.

import { statSync } from 'node:fs';

/** What lay at a path at some time. */
export interface Stamp {
  /** Undefined if nothing was there, or it could not be looked at. */
  readonly status:
    | { readonly dev: bigint; readonly ino: bigint; readonly size: bigint; readonly ctimeNs: bigint }
    | undefined;
  /** Whether a later change would show in the status; else only reading it again tells. */
  readonly isSettled: boolean;
}

/** How long the clock of a file system may stand still between two changes: a tick of the kernel. */
const TICK_MS = 20;
/** The same for file systems that store whole seconds, of which FAT has the coarsest. */
const COARSE_TICK_MS = 2000;

/** Looks at a path, one byte a character; follows links. */
export function stampOf(path: Buffer): Stamp {
  try {
    const status = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (status === undefined) return { status, isSettled: true };
    const { dev, ino, size, ctimeNs } = status;
    const tickMs = ctimeNs % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
    // a change right after this could have the same time, as git(1) has it with its index ("racy git")
    return {
      status: { dev, ino, size, ctimeNs },
      isSettled: Date.now() - Number(ctimeNs / 1_000_000n) > tickMs,
    };
  } catch {
    // a directory on the way cannot be searched, or the memory is short: that may pass without a trace
    return { status: undefined, isSettled: false };
  }
}

/** Whether nothing has changed in between, as far as the status tells. */
export function isSameStamp({ status: before }: Stamp, { status: now }: Stamp): boolean {
  if (before === undefined || now === undefined) return before === now;
  return (
    before.ctimeNs === now.ctimeNs &&
    before.size === now.size &&
    before.ino === now.ino &&
    before.dev === now.dev
  );
}
