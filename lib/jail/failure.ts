// System errors of the work on a jail, as the library throws them.

import { errorCode } from '../binary/root.ts';
import { JailError, UsageError } from '../errors.ts';
import { quote } from '../quote.ts';

/** A JailError for a system error; whatever else was thrown stays what it is. */
export function toJailError(error: unknown): unknown {
  if (error instanceof JailError || error instanceof UsageError || !(error instanceof Error)) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return new JailError(path === undefined ? error.message : `${quote(path)}: ${error.message}`, {
    code,
    path,
    ...(HINTS[code] !== undefined && { hint: HINTS[code] }),
  });
}

/** @throws JailError ABORT_ERR, the reason of the signal being its cause */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new JailError('the work was ended before it was done', {
      code: 'ABORT_ERR',
      cause: signal.reason as unknown,
    });
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'make room; the jail is as it was',
  EDQUOT: 'make room; the jail is as it was',
  EXDEV: 'something is mounted in the jail where a file belongs: unmount it first',
  ENAMETOOLONG: 'directories lie too deep in each other, or a name is too long',
  EROFS: 'the file system is mounted read-only',
};
